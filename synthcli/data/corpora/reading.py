"""Read publishers' files, plain or .gz; whatever is wrong with one names the file and the place."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError

BOM = b"\xef\xbb\xbf"
LONGEST_FIELD = 2**24  # bytes of one csv field


def lines(path: Path) -> Iterator[str]:
    """Yield lines without their ends; only a line feed ends one, as publishers count them."""
    offset = 0
    for raw in raw_lines(path):
        body = raw.removeprefix(BOM) if offset == 0 else raw
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            place = offset + len(raw) - len(body) + error.start
            raise SynthError(
                f"`{path}` is not UTF-8 at byte {place}" + (" once unpacked" if packed(path) else ""),
                "convert it (`iconv -t UTF-8`), or take the publisher's copy",
            ) from error
        offset += len(raw)
        yield text.removesuffix("\n").removesuffix("\r")


def raw_lines(path: Path) -> Iterator[bytes]:
    """Yield lines as bytes, line ends included."""
    try:
        with gzip.open(path) if packed(path) else path.open("rb") as stream:
            yield from stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SynthError(
            f"`{path}` is truncated or damaged: {str(error).lower()}",
            "fetch it again from its publisher, or check it with `gzip -t`",
        ) from error
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {error.strerror}", "check the file's permissions") from error


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


def records(path: Path, columns: int) -> Iterator[list[str]]:
    """Yield the records of a csv file, each with as many fields as the first names or `columns`."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader((line + "\n" for line in lines(path)), strict=True)
    try:
        for record in reader:
            if len(record) != columns:
                raise SynthError(
                    f"`{path}` has {len(record)} fields at line {reader.line_num}, expected {columns}",
                    "check the quotes of that line, or take the publisher's copy",
                )
            yield record
    except csv.Error as error:
        raise SynthError(
            f"`{path}` is no csv at line {reader.line_num}: {error}",
            "check the quotes of that line, or take the publisher's copy",
        ) from error


def header(path: Path) -> list[str]:
    """Return the first record of a csv file."""
    return next(csv.reader(line + "\n" for line in lines(path)), [])


def json_document(path: Path) -> Any:
    """Return what a json file holds."""
    try:
        return json.loads("\n".join(lines(path)))
    except json.JSONDecodeError as error:
        raise SynthError(
            f"`{path}` is no json at line {error.lineno}: {error.msg.lower()}", "take the publisher's copy"
        ) from error


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of every line that is not blank."""
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise SynthError(
                f"`{path}` is no json at line {number}: {error.msg.lower()}", "take the publisher's copy"
            ) from error
        if not isinstance(record, dict):
            raise SynthError(f"`{path}` holds no object at line {number}", "take the publisher's copy")
        yield number, record


def tabbed(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line that is not blank; quotes mean nothing."""
    for number, line in enumerate(lines(path), start=1):
        if line.strip():
            yield number, line.split("\t")
