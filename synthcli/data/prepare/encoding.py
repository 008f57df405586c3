"""The texts of a shard as Arrow columns of each kind, and what is counted of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from synthcli.data.prepare.pretokenise import Encode, encode_of
from synthcli.data.prepare.task import Task
from synthcli.data.prepare.texts import Texts
from synthcli.data.store.arrays import ends_of, flat, integers, join_lists, numbers_in
from synthcli.data.store.ragged import Indices
from synthcli.data.store.shards import NO_SECOND
from synthcli.data.tokenizers import Tokenizer, load_tokenizer
from synthcli.data.tokenizers.base import PLAIN

Columns = dict[str, Any]
"""Arrow arrays by name."""


@dataclass(frozen=True)
class Encoder:
    """A tokenizer, and the fastest way to its ids."""

    tokenizer: Tokenizer
    encode: Encode

    def __call__(self, texts: Texts) -> Any:
        """Return the ids of texts as an Arrow array of lists."""
        return pyarrow.concat_arrays([self.encode(part) for part in texts.parts])


def encoder_in(folder: Path) -> Encoder:
    """Load the tokenizer of a folder, ready to encode."""
    tokenizer = load_tokenizer(folder)
    return Encoder(tokenizer, encode_of(tokenizer))


def encode_text(task: Task, encode: Encoder) -> Columns:
    texts = task.texts["text"]
    return {"tokens": encode(texts), "words": integers(words_in(texts)), "bytes": integers(texts.bytes)}


def encode_pairs(task: Task, encode: Encoder) -> Columns:
    sources, targets = task.texts["source"], task.texts["target"]
    return {
        "source": encode(sources),
        "target": encode(targets),
        "source_text": pyarrow.array(sources.strings(), pyarrow.string()),
        "target_text": pyarrow.array(targets.strings(), pyarrow.string()),
    }


def encode_labelled(task: Task, encode: Encoder) -> Columns:
    labels = pyarrow.array(task.values["label"], pyarrow.int32())
    tokens, second = encode_formed(task, encode, "text", "second")
    return {"tokens": tokens, "label": labels, **second}


def encode_scored(task: Task, encode: Encoder) -> Columns:
    scores = pyarrow.array(task.values["score"], pyarrow.float32())
    tokens, second = encode_formed(task, encode, "text", "second")
    return {"tokens": tokens, "score": scores, **second}


def encode_choices(task: Task, encode: Encoder) -> Columns:
    ends = integers(ends_of(np.array(task.values["counts"])))
    tokens, second = encode_formed(task, encode, "choices", "seconds")
    nested = {name: pyarrow.ListArray.from_arrays(ends, column) for name, column in second.items()}
    labels = pyarrow.array(task.values["label"], pyarrow.int32())
    return {"choices": pyarrow.ListArray.from_arrays(ends, tokens), "label": labels, **nested}


def encode_formed(task: Task, encode: Encoder, first: str, second: str) -> tuple[Any, Columns]:
    """Return ids, those of a pair one after the other, and in the form `plain` where the second begins."""
    tokens = encode(task.texts[first])
    if encode.tokenizer.form != PLAIN:
        return tokens, {}
    if second not in task.texts:
        return tokens, {"second": integers(np.full(len(tokens), NO_SECOND))}
    begins = np.diff(numbers_in(tokens.offsets))
    return join_lists(tokens, encode(task.texts[second])), {"second": integers(begins)}


ENCODERS: dict[str, Callable[[Task, Encoder], Columns]] = {
    "text": encode_text,
    "pairs": encode_pairs,
    "labelled": encode_labelled,
    "scored": encode_scored,
    "choices": encode_choices,
}


def words_in(texts: Texts) -> Indices:
    """Count the words of each text, a few texts at a time."""
    return np.concatenate([part.words for part in texts.parts])


def ids_in(columns: Columns) -> dict[str, Any]:
    """Return the columns of ids, one list a text or pair."""
    lists = {name: columns[name] for name in ("tokens", "source", "target", "choices") if name in columns}
    return {name: flat(column) if name == "choices" else column for name, column in lists.items()}


def counts_of(task: Task, columns: Columns, tokenizer: Tokenizer) -> dict[str, int]:
    """Count rows, blank ones, words, bytes and tokens; tokens of unknown words where words are ids."""
    ids = ids_in(columns).values()
    words = [
        numbers_in(columns["words"]) if "words" in columns else words_in(texts)
        for texts in task.texts.values()
    ]
    counts = {
        "rows": task.rows,
        "empty": blank_rows(task, words),
        "words": sum(int(counted.sum(dtype=np.int64)) for counted in words),
        "bytes": sum(len(texts.data) for texts in task.texts.values()),
        "tokens": sum(len(column.values) for column in ids),
    }
    if tokenizer.kind == "words":
        counts["unknown"] = sum(int((numbers_in(column.values) == tokenizer.unk_id).sum()) for column in ids)
    return counts


def blank_rows(task: Task, words: list[Indices]) -> int:
    """Count the rows of which some text has no word."""
    is_blank = np.zeros(task.rows, np.bool_)
    rows = np.repeat(np.arange(task.rows), task.values.get("counts", 1))
    for counted in words:
        is_blank[rows[counted == 1]] = True
    return int(is_blank.sum())


def longest_of(columns: Columns) -> dict[str, int]:
    """Return the most ids that a text of each column has."""
    return {
        f"longest_{name}": int(np.diff(numbers_in(column.offsets)).max(initial=0))
        for name, column in ids_in(columns).items()
    }
