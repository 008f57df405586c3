"""text8: 10^8 characters of Wikipedia, a to z and spaces (Mahoney 2006), of which 90, 5 and 5 million are
train, validation and test (Mikolov et al. 2012).

The file is one line. A row is about a thousand characters of it up to a space, and its end is that space, so
a model that reads rows with their ends reads the file's characters. Only the last row of a split has an end
that stands for none.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.one_file import SHARE, URL, describe_layout, open_single_file, read_content
from synthcli.data.corpora.source import Row
from synthcli.errors import SynthError

NAME = "text8"
UNIT = "characters"
ROW = 1_000  # characters, and those of the word that goes on
ALLOWED = b"abcdefghijklmnopqrstuvwxyz \n"


def _read_characters(path: Path) -> bytes:
    """Return the whole text; other characters than those of text8 are refused."""
    data = read_content(path, NAME).removesuffix(b"\n")
    others = data.translate(None, ALLOWED)
    if others or b"\n" in data:
        place = data.find(others[:1] or b"\n")
        raise SynthError(
            f"`{path}` has the byte {data[place]:#04x} at {place}, and text8 is a to z and spaces alone",
            f"expected {describe_layout(NAME, UNIT)}",
        )
    return data


def _read_text8(files: tuple[Path, ...], split: str) -> Iterator[Row]:
    (path,) = files
    data = _read_characters(path)
    held_out = len(data) // SHARE
    first, second = len(data) - 2 * held_out, len(data) - held_out
    start, stop = {"train": (0, first), "validation": (first, second), "test": (second, len(data))}[split]
    while start < stop:
        end = data.find(b" ", start + ROW, stop)
        end = stop if end < 0 else end
        yield {"text": data[start:end].decode()}
        start = end + 1


TEXT8 = Corpus(
    name=NAME,
    kind="text",
    title="text8: a hundred million characters of Wikipedia, a to z and spaces",
    licence="CC BY-SA and GFDL",
    url=URL,
    layout=describe_layout(NAME, UNIT),
    tokenizer="bytes",
    folder=partial(open_single_file, name=NAME, unit=UNIT, read=_read_characters, rows=_read_text8),
)
