"""Rows of each kind as Arrow columns, and what is counted of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from synthcli.data.corpora import Row
from synthcli.data.preparing.cutting import texts_of
from synthcli.data.preparing.parts import Encode, encode_of, integers, numbers_in
from synthcli.data.tokenizers import Tokenizer, load_tokenizer

CHARACTERS_AT_ONCE = 2**20  # encoded together: lists of Python's integers are large

Columns = dict[str, Any]
"""Arrow arrays by name."""


def words_in(text: str) -> int:
    """Count words between white space, and the line's end as one."""
    return len(text.split()) + 1


def bytes_in(text: str) -> int:
    """Count bytes of UTF-8, and the line's end as one."""
    return (len(text) if text.isascii() else len(text.encode())) + 1


def is_blank(text: str) -> bool:
    return not text or text.isspace()


def slices(texts: list[str]) -> Iterator[list[str]]:
    """Cut texts where they have enough characters to be encoded together."""
    start = characters = 0
    for stop, text in enumerate(texts, start=1):
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE or stop == len(texts):
            yield texts[start:stop]
            start, characters = stop, 0


@dataclass(frozen=True)
class Encoder:
    """A tokenizer, and the fastest way to its ids."""

    tokenizer: Tokenizer
    encode: Encode

    def __call__(self, texts: list[str]) -> Any:
        """Return the ids of texts as an Arrow array of lists."""
        return pyarrow.concat_arrays([self.encode(part) for part in slices(texts)] or [self.encode([])])


def encoder_in(folder: Path) -> Encoder:
    """Load the tokenizer of a folder, ready to encode."""
    tokenizer = load_tokenizer(folder)
    return Encoder(tokenizer, encode_of(tokenizer))


def encode_text(rows: list[Row], encode: Encoder) -> Columns:
    texts = [row["text"] for row in rows]
    return {
        "tokens": encode(texts),
        "words": integers(np.fromiter(map(words_in, texts), np.int32, len(texts))),
        "bytes": integers(np.fromiter(map(bytes_in, texts), np.int32, len(texts))),
    }


def encode_pairs(rows: list[Row], encode: Encoder) -> Columns:
    sources, targets = [row["source"] for row in rows], [row["target"] for row in rows]
    return {
        "source": encode(sources),
        "target": encode(targets),
        "source_text": pyarrow.array(sources, pyarrow.string()),
        "target_text": pyarrow.array(targets, pyarrow.string()),
    }


def encode_labelled(rows: list[Row], encode: Encoder) -> Columns:
    labels = pyarrow.array([row["label"] for row in rows], pyarrow.int32())
    return {"tokens": encode([row["text"] for row in rows]), "label": labels}


def encode_scored(rows: list[Row], encode: Encoder) -> Columns:
    scores = pyarrow.array([row["score"] for row in rows], pyarrow.float32())
    return {"tokens": encode([row["text"] for row in rows]), "score": scores}


def encode_choices(rows: list[Row], encode: Encoder) -> Columns:
    ids = encode([text for row in rows for text in row["choices"]])
    offsets = np.cumsum([0, *(len(row["choices"]) for row in rows)], dtype=np.int32)
    return {
        "choices": pyarrow.ListArray.from_arrays(offsets, ids),
        "label": pyarrow.array([row["label"] for row in rows], pyarrow.int32()),
    }


EncodeRows = Callable[[list[Row], Encoder], Columns]
ENCODERS: dict[str, EncodeRows] = {
    "text": encode_text,
    "pairs": encode_pairs,
    "labelled": encode_labelled,
    "scored": encode_scored,
    "choices": encode_choices,
}


def ids_in(columns: Columns) -> dict[str, Any]:
    """Return the columns of ids, one list a text."""
    lists = {name: columns[name] for name in ("tokens", "source", "target", "choices") if name in columns}
    return {name: column.flatten() if name == "choices" else column for name, column in lists.items()}


def counts_of(rows: list[Row], columns: Columns, tokenizer: Tokenizer) -> dict[str, int]:
    """Count rows, blank ones, words, bytes and tokens; tokens of unknown words where words are ids."""
    texts = [texts_of(row) for row in rows]
    ids = ids_in(columns).values()
    if "words" in columns:
        words, size = (int(numbers_in(columns[name]).sum(dtype=np.int64)) for name in ("words", "bytes"))
    else:
        words = sum(words_in(text) for row in texts for text in row)
        size = sum(bytes_in(text) for row in texts for text in row)
    counts = {
        "rows": len(rows),
        "empty": sum(any(map(is_blank, row)) for row in texts),
        "words": words,
        "bytes": size,
        "tokens": sum(len(column.values) for column in ids),
    }
    if tokenizer.kind == "words":
        counts["unknown"] = sum(int((numbers_in(column.values) == tokenizer.unk_id).sum()) for column in ids)
    return counts


def longest_of(columns: Columns) -> dict[str, int]:
    """Return the most ids that a text of each column has."""
    return {
        f"longest_{name}": int(np.diff(numbers_in(column.offsets)).max(initial=0))
        for name, column in ids_in(columns).items()
    }
