"""Cut the rows of a corpus into shards, by the bytes of their text alone.

So the shards of a corpus are the same however many processes encode them, and those that are done when a
preparation is killed fit those that are made later.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.forms import shape_row
from synthcli.data.corpora.source import Row, Source
from synthcli.data.prepare.texts import ShardTask, TextBuffer
from synthcli.data.tokenizers.base import NAMED
from synthcli.errors import SynthError

SHARD_BYTES = 4 * 2**20
LARGE_SHARD_BYTES = 64 * 2**20  # C4 would fill a hundred thousand of the others
LARGE_ROWS = 10_000_000
TEXTS = ("text", "second", "source", "target", "choices", "seconds")


def shard_bytes(corpus: Corpus) -> int:
    """Return how much text a shard of a corpus holds; its publisher's number of rows decides."""
    return LARGE_SHARD_BYTES if sum(corpus.rows.values()) >= LARGE_ROWS else SHARD_BYTES


def row_texts(row: Row) -> list[str]:
    """Return the texts of a row that become ids."""
    if "choices" in row:
        return [*row["choices"], *row.get("seconds", ())]
    if "text" in row:
        return [row["text"], row["second"]] if "second" in row else [row["text"]]
    return [row["source"], row["target"]]


def cut_corpus(corpus: Corpus, opened: Source, form: str = NAMED) -> Iterator[ShardTask]:
    """Yield the shards of every split in order, their texts in a form."""
    for split in opened.splits:
        rows = opened.read(split)
        if form != NAMED:
            rows = (shape_row(row, form) for row in rows)
        yield from cut_split(rows, split, corpus.kind, shard_bytes(corpus))


def cut_split(rows: Iterator[Row], split: str, kind: str, limit: int) -> Iterator[ShardTask]:
    """Yield the shards of a split: each ends with the row that fills it."""
    number = first = size = 0
    kept: list[Row] = []
    for row in rows:
        kept.append(row)
        text = row.get("text")
        if text is not None and text.isascii() and "second" not in row:  # as are most of millions
            size += len(text)
        else:
            size += count_text_bytes(row, split, first + len(kept))
        if size >= limit:
            yield _build_task(split, number, kind, kept, size)
            number, first, size, kept = number + 1, first + len(kept), 0, []
    if kept:
        yield _build_task(split, number, kind, kept, size)


def _build_task(split: str, number: int, kind: str, rows: list[Row], size: int) -> ShardTask:
    """Turn rows into columns."""
    plain = cast("list[dict[str, Any]]", rows)
    columns = {name: [row[name] for row in plain] for name in plain[0]}
    if (choices := columns.get("choices")) is not None:
        columns |= {"choices": list(chain.from_iterable(choices)), "counts": list(map(len, choices))}
        if (seconds := columns.get("seconds")) is not None:
            columns["seconds"] = list(chain.from_iterable(seconds))
    texts = {name: TextBuffer.join(columns.pop(name)) for name in TEXTS if name in columns}
    return ShardTask(split, number, kind, len(rows), texts, columns, size)


def count_text_bytes(row: Row, split: str, number: int) -> int:
    """Return the bytes of a row's text; half a character, as some json holds, is refused."""
    try:
        return sum(len(text) if text.isascii() else len(text.encode()) for text in row_texts(row))
    except UnicodeEncodeError as error:
        raise SynthError(
            f"row {number} of `{split}` holds half a character, `{error.object[error.start]!a}`",
            "take that row out, or write the whole character",
        ) from error
