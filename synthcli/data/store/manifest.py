"""The manifest of a store: what it was made from, what it holds, and the hash of every file."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from synthcli.atomic_files import write_text
from synthcli.data.store.origin import prepare_command
from synthcli.errors import SynthError
from synthcli.safe_read import Shape, check_shape, inside, read_json

MANIFEST = "manifest.json"
VERIFIED = ".verified.json"  # which files had the right hash, and when they were last changed
QUALITY = "quality.json"  # what its rows are like
SOURCE = ".source.json"  # when the files it was read from had the hashes of the manifest
ABOUT = (MANIFEST, VERIFIED, QUALITY, SOURCE)  # of a store, not in its hash
FORMAT = 1
SHAPE: Shape = {
    "corpus": str,
    "kind": str,
    "class_names": [str],
    "source": {"kind": str, "notes": [str]},
    "tokenizer": {"kind": str, "requested": int, "vocab_size": int},
    "splits": {"*": {"rows": int, "empty": int, "words": int, "bytes": int, "tokens": int, "*": int}},
    "published_rows": {"*": int},
    "created": str,
    "files": [{"path": str, "bytes": int, "sha256": str}],
}
BLOCK = 2**20

Manifest = dict[str, Any]
"""What `manifest.json` holds: of the shape above, checked when it is read."""


class FileEntry(TypedDict):
    """What a manifest says of a file."""

    path: str
    bytes: int
    sha256: str


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield every file that belongs to a store, in order; what is said of it does not."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in ABOUT:
            yield path


def describe_files(folder: Path, known: Mapping[str, str]) -> list[FileEntry]:
    """Return path, size and hash of every file of a store; some hashes are known already."""
    files = ((path.relative_to(folder).as_posix(), path) for path in _files_in(folder))
    return [
        {"path": name, "bytes": path.stat().st_size, "sha256": known.get(name) or sha256(path)}
        for name, path in files
    ]


def describe_sources(root: Path, files: tuple[Path, ...]) -> list[FileEntry]:
    """Return path, size and hash of the files a corpus was read from."""
    whole = root.absolute()
    base = next(folder for folder in (whole, *whole.parents) if folder.is_dir())
    return [
        {"path": str(path.absolute().relative_to(base)), "bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in files
    ]


def store_hash(files: list[FileEntry]) -> str:
    """Return one hash for the contents of a store: equal contents, equal hashes."""
    lines = "".join(f"{file['sha256']}  {file['path']}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def read_store_manifest(folder: Path) -> Manifest:
    """Return the manifest of a store; a folder without one, or with another format, is refused."""
    path = folder / MANIFEST
    try:
        manifest = read_json(inside(path, folder))
    except FileNotFoundError as error:
        raise SynthError(f"`{folder}` is no store: it has no `{MANIFEST}`", _prepare_hint(folder)) from error
    except (ValueError, OSError) as error:
        raise SynthError(f"`{path}` cannot be read: {error}", _prepare_hint(folder)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SynthError(f"`{path}` is not of format {FORMAT}", _prepare_hint(folder))
    try:
        check_shape(manifest, SHAPE)
    except ValueError as error:
        raise SynthError(f"`{path}` cannot be read: {error}", _prepare_hint(folder)) from error
    return manifest


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with the manifest, sizes first; a file is hashed once, until its time changes."""
    for file in manifest["files"]:
        _check_size(inside(folder / file["path"], folder), file, folder, manifest)
    seen = _read_seen(folder)
    new = _file_marks(folder, manifest)
    for file in manifest["files"]:
        if seen.get(file["path"]) != new[file["path"]]:
            _check_hash(folder / file["path"], file, folder, manifest)
    if seen != new:
        remember_verified(folder, manifest)


def _file_marks(folder: Path, manifest: Manifest) -> dict[str, list[int | str]]:
    """Return what every file keeps until it is written to or replaced, and its hash."""
    stats = ((file, (folder / file["path"]).stat()) for file in manifest["files"])
    return {
        file["path"]: [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, file["sha256"]]
        for file, stat in stats
    }


def remember_verified(folder: Path, manifest: Manifest) -> None:
    """Note that all files have the hashes of the manifest, where the store is ours to write."""
    with suppress(OSError):
        write_text(folder / VERIFIED, json.dumps(_file_marks(folder, manifest)))


def _read_seen(folder: Path) -> dict[str, object]:
    """Return the marks of files verified before, if any."""
    try:
        seen = read_json(folder / VERIFIED)
    except (OSError, ValueError, SynthError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _check_size(path: Path, file: FileEntry, folder: Path, manifest: Manifest) -> None:
    if not path.is_file():
        raise SynthError(
            f"the store lacks `{path}`, which its manifest names", _prepare_hint(folder, manifest)
        )
    if path.stat().st_size != file["bytes"]:
        size = path.stat().st_size
        message = f"`{path}` has {size} bytes, its manifest says {file['bytes']}"
        raise SynthError(message, _prepare_hint(folder, manifest))


def _check_hash(path: Path, file: FileEntry, folder: Path, manifest: Manifest) -> None:
    if sha256(path) != file["sha256"]:
        raise SynthError(
            f"`{path}` does not match the sha256 in its manifest", _prepare_hint(folder, manifest)
        )


def _prepare_hint(folder: Path, manifest: Manifest | None = None) -> str:
    """Name the command that makes a store anew, as far as its manifest tells it."""
    command = None if manifest is None else prepare_command(manifest, folder)
    if command is None:
        return "prepare it again by the command that made it, and `--force`"
    return f"prepare it again: `{command}`"
