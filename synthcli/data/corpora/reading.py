"""Read files of text, plain or .gz; whatever is wrong with one names the file and the place."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError
from synthcli.safe_read import refuse_irregular

BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST_LINE = 2**25  # bytes: memory is bounded, and no document of the corpora is as long
BLOCK = 2**18  # bytes read at once
LONGEST_DOCUMENT = 2**28  # of a json file that is one value
LONGEST_FIELD = 2**24  # bytes of one csv field
SHOWN = 200  # characters of a file that a message repeats


def lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[str]:
    """Yield lines without their ends; only a line feed ends one, as publishers count them."""
    return chain.from_iterable(lists_of_lines(path, longest))


def lists_of_lines(path: Path, longest: int) -> Iterator[list[str]]:
    """Yield lines many at once, as they are read."""
    number = offset = 0  # of what was read before this block
    for raw in blocks(path, longest):
        body = raw if offset else without_mark(path, raw)
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            place = offset + len(raw) - len(body) + error.start
            raise SynthError(
                f"`{path}` is not UTF-8 at byte {place}" + (" once unpacked" if packed(path) else ""),
                "convert it (`iconv -t UTF-8`), or take the publisher's copy",
            ) from error
        if "\0" in text:
            line = number + text.count("\n", 0, text.index("\0")) + 1
            raise SynthError(
                f"`{path}` has a NUL byte at line {line}",
                "it is damaged or no text: remove it, `tr -d '\\000'`",
            )
        found = text.removesuffix("\n").split("\n")
        yield [line.removesuffix("\r") for line in found] if "\r" in text else found
        number, offset = number + len(found), offset + len(raw)


def without_mark(path: Path, start: bytes) -> bytes:
    """Return the start of a file without its byte order mark; one that says it is UTF-16 is refused."""
    if start.startswith(UTF_16):
        raise SynthError(f"`{path}` is UTF-16, expected UTF-8", "convert it: `iconv -f UTF-16 -t UTF-8`")
    return start.removeprefix(BOM)


def blocks(path: Path, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Yield lines as bytes, many at once; a line too long is refused before it fills the memory."""
    size, number, rest = min(BLOCK, longest), 1, b""
    for read in pieces(path, size):
        end = read.rfind(b"\n") + 1
        if len(rest) + (read.find(b"\n") + 1 or len(read)) > longest:
            raise SynthError(
                f"`{path}` has more than {longest // 2**20} MiB in line {number}",
                "break it into lines or documents, one a line",
            )
        if end:
            yield rest + read[:end]
            number, rest = number + read.count(b"\n"), b""
        rest += read[end:]
    if rest:
        yield rest


def pieces(path: Path, size: int) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked, as they come."""
    refuse_irregular(path)
    try:
        with gzip.open(path) if packed(path) else path.open("rb") as stream:
            yield from iter(partial(stream.read, size), b"")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SynthError(
            f"`{path}` is truncated or damaged: {str(error).lower()}",
            "fetch it again from its publisher, or check it with `gzip -t`",
        ) from error
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {error.strerror}", "check the file's permissions") from error


def shown(value: Any) -> str:
    """Return what a message shows of a value from a file: one line, and not too long a one."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def packed(path: Path) -> bool:
    return path.suffix == ".gz"


def parallel(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of two files side by side; both must have equally many."""
    for number, (left, right) in enumerate(zip_longest(lines(source), lines(target)), start=1):
        if left is None or right is None:
            short, long = (source, target) if left is None else (target, source)
            raise SynthError(
                f"`{short.name}` ends before line {number}, and `{long.name}` goes on:"
                " parallel files need equally many lines",
                f"compare them from line {number}: `{short}` and `{long}`",
            )
        yield left, right


def records(path: Path, columns: int | None = None, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record of a csv file ends, and its fields, as many as `columns` says.

    Without `columns` the first record, a header, says how many. Blank lines are no records.
    """
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader((line + "\n" for line in lines(path)), strict=True, delimiter=delimiter)
    try:
        for record in reader:
            columns = columns or len(record)
            if len(record) == columns:
                yield reader.line_num, record
            elif record:
                raise SynthError(
                    f"`{path}` has {len(record)} fields at line {reader.line_num}, expected {columns}",
                    "check the quotes of that line, or take the publisher's copy",
                )
    except csv.Error as error:
        raise SynthError(
            f"`{path}` is no csv at line {reader.line_num}: {shown(error)}",
            "check the quotes of that line, or take the publisher's copy",
        ) from error


def json_document(path: Path) -> Any:
    """Return what a json file holds."""
    return json_value(path, "\n".join(lines(path, LONGEST_DOCUMENT)))


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of every line that is not blank."""
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            continue
        record = json_value(path, line, number)
        if not isinstance(record, dict):
            raise SynthError(f"`{path}` holds no object at line {number}", "take the publisher's copy")
        yield number, record


def json_value(path: Path, text: str, first: int = 1) -> Any:
    """Return the value of a json text that begins in a given line of a file."""
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():  # perhaps half of a pair, which is no character
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        number = first - 1 + (error.lineno if isinstance(error, json.JSONDecodeError) else 1)
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise SynthError(
            f"`{path}` is no json at line {number}: {reason.lower()}", "take the publisher's copy"
        ) from error
    return value


def tabbed(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line that is not blank; quotes mean nothing."""
    for number, line in enumerate(lines(path), start=1):
        if line.strip():
            yield number, line.split("\t")
