"""Read files that somebody else may have made: plain ones, of bounded size and depth, within their folder.

A pipe would be waited for without end, a device never ends, a sparse file is larger than memory, a link
leads elsewhere, and a text nested without end exhausts the stack: each is refused before it is read.
"""

import errno
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError

LARGEST = 2**28  # bytes of a file that is read whole into memory
PLAIN = "name a plain file; write to one what a pipe gives"
DEEPEST = 100  # levels of a table within a table; no file of ours or of a publisher's has a dozen
KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


def refuse_irregular(path: Path) -> None:
    """Refuse what is there but is no plain file, before opening it would wait for a writer."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # what is not there is named by who opens it
    _refuse_kind(path, mode)


def refuse_lost_link(path: Path) -> None:
    """Refuse a link to nowhere: what it stood for is not simply absent."""
    if path.is_symlink() and not path.exists():
        raise SynthError(f"`{path}` is a link to nowhere", "copy the file itself into the folder")


def _refuse_kind(path: Path, mode: int) -> None:
    for is_kind, name in KINDS.items():
        if is_kind(mode):
            raise SynthError(f"`{path}` is {name}, not a file", PLAIN)


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Return the bytes of a plain file; a larger one than `largest` is refused by its size."""
    refuse_irregular(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor: nothing came between
        found = os.fstat(descriptor)
        _refuse_kind(path, found.st_mode)
        data = b"" if found.st_size > largest else stream.read(largest + 1)
        size = max(found.st_size, len(data))
    _refuse_size(path, size, largest)
    return data


def _refuse_size(path: Path, size: int, largest: int) -> None:
    if size > largest:
        message = f"`{path}` has {size:,} bytes, expected at most {largest:,}"
        raise SynthError(message, "it is not the file it ought to be: copy it anew")


def check_files(folder: Path, endings: tuple[str, ...]) -> None:
    """Refuse files of a folder, by their endings, that are not plain, too large, or links out of it."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in endings:
            refuse_irregular(inside(path, folder))
            refuse_lost_link(path)
            if path.is_file():
                _refuse_size(path, path.stat().st_size, LARGEST)


def read_text(path: Path, largest: int = LARGEST) -> str:
    """Return the text of a plain file in UTF-8."""
    return read_bytes(path, largest).decode()


def read_json(path: Path) -> Any:
    """Return what a plain file of JSON holds; ValueError where it holds none."""
    return parse_json(read_text(path))


def read_table(path: Path, hint: str) -> dict[str, Any]:
    """Return the table that a file of JSON holds; whatever is wrong with it is one message with this hint."""
    try:
        found = read_json(path)
    except OSError as error:
        raise SynthError(
            f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}", hint
        ) from error
    except ValueError as error:
        raise SynthError(f"`{path}` is no JSON: {explain_bad_text(error)}", hint) from error
    if not isinstance(found, dict):
        raise SynthError(f"`{path}` holds no table", hint)
    return found


def explain_bad_text(error: ValueError) -> str:
    """Return in a line what is wrong with a text."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at line {error.lineno}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    return str(error)


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; ValueError where it is none, nested too deep, or no text at all."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    source = text if isinstance(text, str) else text.decode()
    if source.count("{") + source.count("[") > DEEPEST:
        refuse_depth(value)
    if "\\ud" in source.lower():  # perhaps half of a pair, which is no character
        refuse_halves(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text; ValueError where it is none, or nested too deep."""
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    refuse_depth(tables)
    return tables


def refuse_depth(value: object) -> None:
    """Raise ValueError for tables and lists nested deeper than anything meant."""
    level = [value]
    for _ in range(DEEPEST):
        inner = [part for part in level if isinstance(part, dict | list)]
        if not inner:
            return
        level = [part for table in inner for part in (table.values() if isinstance(table, dict) else table)]
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


Shape = type | dict[str, "Shape"] | list["Shape"] | tuple["Shape", ...] | None
"""A type; a table by its keys, `*` for any of them and `key?` for one that may be absent; a list of one
shape; one of several shapes; null."""


def check_shape(value: object, shape: Shape, key: str = "") -> None:
    """Raise ValueError for the first value of a table that is not of the shape it ought to have."""
    if isinstance(shape, tuple):
        if not any(has_shape(value, one) for one in shape):
            raise ValueError(f"`{key}` is {shorten_json(value)}")
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise ValueError(f"`{key}` is no table" if key else "it is no table")
        for name, inner in shape.items():
            if name != "*" and name.removesuffix("?") not in value:
                if not name.endswith("?"):
                    raise ValueError(f"it lacks `{join_keys(key, name)}`")
                continue
            names = list(value) if name == "*" else [name.removesuffix("?")]
            for one in names:
                check_shape(value[one], inner, join_keys(key, one))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"`{key}` is no list")
        for number, part in enumerate(value):
            check_shape(part, shape[0], join_keys(key, str(number)))
    elif not (value is None if shape is None else is_of(value, shape)):
        raise ValueError(f"`{key}` is {shorten_json(value)}")


def has_shape(value: object, shape: Shape) -> bool:
    try:
        check_shape(value, shape)
    except ValueError:
        return False
    return True


def is_of(value: object, kind: type) -> bool:
    """Whether a value is of a kind: true is no number, and a whole number is a number."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def join_keys(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def shorten_json(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"


def refuse_halves(value: object) -> None:
    """Raise ValueError for a text with half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no character") from None


def inside(path: Path, folder: Path) -> Path:
    """Refuse a link that leads out of its folder; those of the hub's cache lead to its own `blobs`."""
    try:
        home, target = folder.resolve(), path.resolve()
    except (OSError, RuntimeError) as error:  # it leads to itself
        raise SynthError(f"`{path}` is a link to nowhere", "copy the file itself into the folder") from error
    if target.is_relative_to(home) or target.parent == home.parent.parent / "blobs":
        return path
    raise SynthError(
        f"`{path}` is a link to `{target}`, outside its folder", "copy the file itself into the folder"
    )
