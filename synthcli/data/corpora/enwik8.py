"""enwik8: the first 10^8 bytes of a dump of English Wikipedia (Hutter 2006), of which 90, 5 and 5 million are
train, validation and test (Mikolov et al. 2012; Chung et al. 2015, arXiv 1502.02367).

A row is a line: the rows of a split joined by line feeds are its bytes. Where a split would begin within a
character it begins after it, at most three bytes later; of a file that ends within one, those bytes are
left out.
"""

import gzip
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.finding import lacking, one_of
from synthcli.data.corpora.source import Folder, Part, Row
from synthcli.errors import SynthError

URL = "http://mattmahoney.net/dc/textdata.html"
LAYOUT = f"`enwik8`, plain, .gz or .zip, from {URL}; a file of another size is cut 90/5/5 by bytes"
SIZE = 100_000_000


def content(path: Path) -> bytes:
    """Return the bytes of the file, unpacked."""
    try:
        if path.suffix == ".zip":
            with ZipFile(path) as archive:
                return archive.read(archive.namelist()[0])
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error, BadZipFile, IndexError) as error:
        raise SynthError(
            f"`{path}` is truncated or damaged: {str(error).lower()}", "fetch it again"
        ) from error


def rows(files: tuple[Path, ...], split: str) -> Iterator[Row]:
    (path,) = files
    data = content(path)
    start, stop = ranges(data)[split]
    for line in data[start:stop].split(b"\n"):
        try:
            yield {"text": line.decode()}
        except UnicodeDecodeError as error:
            raise SynthError(f"`{path}` is not UTF-8: {error.reason}", "take the publisher's copy") from error


def ranges(data: bytes) -> dict[str, tuple[int, int]]:
    """Return where each split begins and ends."""
    held_out = len(data) // 20
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
    path = root if root.is_file() else one_of(root, ["enwik8", "enwik8.zip", "enwik8*"])
    if path is None:
        raise lacking(root, "`enwik8`", "enwik8", LAYOUT)
    parts = {split: Part((path,), partial(rows, split=split)) for split in ("train", "validation", "test")}
    size = len(content(path))
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
