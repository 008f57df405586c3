"""enwik8: the first 10^8 bytes of a dump of English Wikipedia (Hutter 2006), of which 90, 5 and 5 million are
train, validation and test (Mikolov et al. 2012; Chung et al. 2015, arXiv 1502.02367).

A row is a line and its end is the line feed, so a model that reads rows with their ends reads the file's
bytes. Only the last row of a split that is cut within a line has an end that stands for no byte. Where a
split would begin within a character it begins after it, at most three bytes later; of a file that ends
within one, those bytes are left out.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.one_file import SHARE, URL, describe_layout, open_single_file, read_content
from synthcli.data.corpora.source import Row
from synthcli.errors import SynthError

NAME = "enwik8"
UNIT = "bytes"


def _read_enwik8(files: tuple[Path, ...], split: str) -> Iterator[Row]:
    (path,) = files
    data = read_content(path, NAME)
    for line in _iterate_lines(data, *_ranges(data)[split]):
        try:
            yield {"text": line.decode()}
        except UnicodeDecodeError as error:
            raise SynthError(f"`{path}` is not UTF-8: {error.reason}", "take the publisher's copy") from error


def _iterate_lines(data: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Yield the lines between two places; a line feed that comes last begins no other line."""
    while (end := data.find(b"\n", start, stop)) >= 0:
        yield data[start:end]
        start = end + 1
    if start < stop:
        yield data[start:stop]


def _ranges(data: bytes) -> dict[str, tuple[int, int]]:
    """Return where each split begins and ends."""
    held_out = len(data) // SHARE
    first, second = (_boundary(data, len(data) - count * held_out) for count in (2, 1))
    return {"train": (0, first), "validation": (first, second), "test": (second, _whole(data))}


def _boundary(data: bytes, place: int) -> int:
    """Return the first place from here on at which no character goes on."""
    while place < len(data) and _goes_on(data[place]):
        place += 1
    return place


def _whole(data: bytes) -> int:
    """Return where the last whole character ends: a slice of the file may end within one."""
    last = len(data) - 1
    while last > 0 and _goes_on(data[last]):
        last -= 1
    try:
        data[last:].decode()
    except UnicodeDecodeError:
        return max(last, 0)
    return len(data)


def _goes_on(byte: int) -> bool:
    """Whether a byte of UTF-8 is not the first of its character."""
    return byte & 0xC0 == 0x80


ENWIK8 = Corpus(
    name=NAME,
    kind="text",
    title="enwik8: the first hundred million bytes of a dump of English Wikipedia",
    licence="CC BY-SA and GFDL",
    url=URL,
    layout=describe_layout(NAME, UNIT),
    tokenizer="bytes",
    has_words=False,
    folder=partial(
        open_single_file, name=NAME, unit=UNIT, read=partial(read_content, name=NAME), rows=_read_enwik8
    ),
)
