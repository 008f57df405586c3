"""enwik8: the first 10^8 bytes of a dump of English Wikipedia (Hutter 2006), of which 90, 5 and 5 million are
train, validation and test (Mikolov et al. 2012; Chung et al. 2015, arXiv 1502.02367).

A row is a line and its end is the line feed, so a model that reads rows with their ends reads the file's
bytes. Only the last row of a split that is cut within a line has an end that stands for no byte. Where a
split would begin within a character it begins after it, at most three bytes later; of a file that ends
within one, those bytes are left out.
"""

import gzip
import lzma
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.finding import lacking, one_of
from synthcli.data.corpora.source import SPLITS, Folder, Part, Row
from synthcli.errors import SynthError

URL = "http://mattmahoney.net/dc/textdata.html"
LAYOUT = f"`enwik8`, plain, .gz or .zip, from {URL}; a file of another size is cut 90/5/5 by bytes"
SIZE = 100_000_000
SHARE = 20  # one part of so many is validation, one is test
LARGEST = 2**28  # bytes that are read: memory is bounded
NAME = "enwik8"
# What damaged archives raise: `zipfile` has a word for each way in which it does not know one.
DAMAGED = (
    *(EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, BadZipFile),
    *(NotImplementedError, RuntimeError, ValueError, struct.error),
)


def content(path: Path, name: str = NAME) -> bytes:
    """Return the bytes of the file, unpacked; of an archive, those of the file called `name`."""
    try:
        if path.suffix == ".zip":
            return unzipped(path, name)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except DAMAGED as error:
        reason = str(error).lower()
        raise SynthError(f"`{path}` is truncated or damaged: {reason}", "fetch it again") from error
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {error.strerror}", "check the file's permissions") from error
    if len(data) > LARGEST:
        raise SynthError(
            f"`{path}` holds more than {LARGEST // 2**20} MiB, and `{name}` 10^8 bytes",
            "name the file you mean",
        )
    return data


def unzipped(path: Path, name: str) -> bytes:
    """Return the one file of an archive, or the one of a name among several."""
    with ZipFile(path) as archive:
        names = [held for held in archive.namelist() if not held.endswith("/")]
        chosen = [held for held in names if Path(held).name == name] if len(names) > 1 else names
        if len(chosen) == 1:
            with archive.open(chosen[0]) as stream:
                return stream.read(LARGEST + 1)
    held = ", ".join(f"`{one}`" for one in names) or "no file"
    raise SynthError(f"`{path}` holds {held}, expected `{name}`", "unpack it and name the file you mean")


def rows(files: tuple[Path, ...], split: str) -> Iterator[Row]:
    (path,) = files
    data = content(path)
    for line in lines(data, *ranges(data)[split]):
        try:
            yield {"text": line.decode()}
        except UnicodeDecodeError as error:
            raise SynthError(f"`{path}` is not UTF-8: {error.reason}", "take the publisher's copy") from error


def lines(data: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Yield the lines between two places; a line feed that comes last begins no other line."""
    while (end := data.find(b"\n", start, stop)) >= 0:
        yield data[start:end]
        start = end + 1
    if start < stop:
        yield data[start:stop]


def ranges(data: bytes) -> dict[str, tuple[int, int]]:
    """Return where each split begins and ends."""
    held_out = len(data) // SHARE
    first, second = (boundary(data, len(data) - count * held_out) for count in (2, 1))
    return {"train": (0, first), "validation": (first, second), "test": (second, whole(data))}


def boundary(data: bytes, place: int) -> int:
    """Return the first place from here on at which no character goes on."""
    while place < len(data) and goes_on(data[place]):
        place += 1
    return place


def whole(data: bytes) -> int:
    """Return where the last whole character ends: a slice of the file may end within one."""
    last = len(data) - 1
    while last > 0 and goes_on(data[last]):
        last -= 1
    try:
        data[last:].decode()
    except UnicodeDecodeError:
        return max(last, 0)
    return len(data)


def goes_on(byte: int) -> bool:
    """Whether a byte of UTF-8 is not the first of its character."""
    return byte & 0xC0 == 0x80


def folder(root: Path) -> Folder:
    path = root if root.is_file() else one_of(root, [NAME, f"{NAME}.zip", f"{NAME}*"])
    if path is None:
        raise lacking(root, f"`{NAME}`", "enwik8", LAYOUT)
    size = len(content(path))
    if size < SHARE:
        raise SynthError(f"`{path}` has {size} bytes: too few to cut three splits", f"expected {LAYOUT}")
    parts = {split: Part((path,), partial(rows, split=split)) for split in SPLITS}
    if size == SIZE:
        return Folder(root, parts)
    made = f"cut from the {size:,} bytes of `{path.name}` into 90, 5 and 5 per cent"
    return Folder(root, parts, notes=(f"not the whole of enwik8: {made}",), splits_made=made)


ENWIK8 = Corpus(
    name="enwik8",
    kind="text",
    title="enwik8: the first hundred million bytes of a dump of English Wikipedia",
    licence="CC BY-SA and GFDL",
    url=URL,
    layout=LAYOUT,
    tokenizer="bytes",
    folder=folder,
)
