"""The texts of a shard as Arrow columns of each kind, and what is counted of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow

from synthcli.data.prepare.pretokenise import Encode, find_fastest_encoding
from synthcli.data.prepare.texts import ShardTask, TextBuffer
from synthcli.data.store.arrays import cumulate, flatten, int_array, join_lists, numbers_in
from synthcli.data.store.ragged import Indices
from synthcli.data.store.shards import NO_SECOND
from synthcli.data.tokenizers import Tokenizer, load_tokenizer
from synthcli.data.tokenizers.base import PLAIN

Columns = dict[str, pyarrow.Array]
"""Arrow arrays by name."""


@dataclass(frozen=True)
class TextEncoder:
    """A tokenizer, and the fastest way to its ids."""

    tokenizer: Tokenizer
    encode: Encode

    def __call__(self, texts: TextBuffer) -> pyarrow.ListArray:
        """Return the ids of texts as an Arrow array of lists."""
        return pyarrow.concat_arrays([self.encode(part) for part in texts.parts])


def load_encoder(folder: Path) -> TextEncoder:
    """Load the tokenizer of a folder, ready to encode."""
    tokenizer = load_tokenizer(folder)
    return TextEncoder(tokenizer, find_fastest_encoding(tokenizer))


def _encode_text(task: ShardTask, encode: TextEncoder) -> Columns:
    texts = task.texts["text"]
    return {
        "tokens": encode(texts),
        "words": int_array(_count_batch_words(texts)),
        "bytes": int_array(texts.bytes),
    }


def _encode_pairs(task: ShardTask, encode: TextEncoder) -> Columns:
    sources, targets = task.texts["source"], task.texts["target"]
    return {
        "source": encode(sources),
        "target": encode(targets),
        "source_text": pyarrow.array(sources.strings(), pyarrow.string()),
        "target_text": pyarrow.array(targets.strings(), pyarrow.string()),
    }


def _encode_classification(task: ShardTask, encode: TextEncoder) -> Columns:
    labels = pyarrow.array(task.values["label"], pyarrow.int32())
    tokens, second = _encode_in_form(task, encode, "text", "second")
    return {"tokens": tokens, "label": labels, **second}


def _encode_regression(task: ShardTask, encode: TextEncoder) -> Columns:
    scores = pyarrow.array(task.values["score"], pyarrow.float32())
    tokens, second = _encode_in_form(task, encode, "text", "second")
    return {"tokens": tokens, "score": scores, **second}


def _encode_multiple_choice(task: ShardTask, encode: TextEncoder) -> Columns:
    ends = int_array(cumulate(np.array(task.values["counts"])))
    tokens, second = _encode_in_form(task, encode, "choices", "seconds")
    nested = {name: pyarrow.ListArray.from_arrays(ends, column) for name, column in second.items()}
    labels = pyarrow.array(task.values["label"], pyarrow.int32())
    return {"choices": pyarrow.ListArray.from_arrays(ends, tokens), "label": labels, **nested}


def _encode_in_form(
    task: ShardTask, encode: TextEncoder, first: str, second: str
) -> tuple[pyarrow.ListArray, Columns]:
    """Return ids, those of a pair one after the other, and in the form `plain` where the second begins."""
    tokens = encode(task.texts[first])
    if encode.tokenizer.form != PLAIN:
        return tokens, {}
    if second not in task.texts:
        return tokens, {"second": int_array(np.full(len(tokens), NO_SECOND))}
    begins = np.diff(numbers_in(tokens.offsets))
    return join_lists(tokens, encode(task.texts[second])), {"second": int_array(begins)}


ENCODERS: dict[str, Callable[[ShardTask, TextEncoder], Columns]] = {
    "text": _encode_text,
    "pairs": _encode_pairs,
    "labelled": _encode_classification,
    "scored": _encode_regression,
    "choices": _encode_multiple_choice,
}


def _count_batch_words(texts: TextBuffer) -> Indices:
    """Count the words of each text, a few texts at a time."""
    return np.concatenate([part.words for part in texts.parts])


def _token_columns(columns: Columns) -> dict[str, pyarrow.ListArray]:
    """Return the columns of ids, one list a text or pair."""
    lists = {name: columns[name] for name in ("tokens", "source", "target", "choices") if name in columns}
    return {name: flatten(column) if name == "choices" else column for name, column in lists.items()}


def count_shard(task: ShardTask, columns: Columns, tokenizer: Tokenizer) -> dict[str, int]:
    """Count rows, blank ones, words, bytes and tokens; tokens of unknown words where words are ids."""
    ids = _token_columns(columns).values()
    words = [
        numbers_in(columns["words"]) if "words" in columns else _count_batch_words(texts)
        for texts in task.texts.values()
    ]
    counts = {
        "rows": task.rows,
        "empty": _count_blank_rows(task, words),
        "words": sum(int(counted.sum(dtype=np.int64)) for counted in words),
        "bytes": sum(len(texts.data) for texts in task.texts.values()),
        "tokens": sum(len(column.values) for column in ids),
    }
    if tokenizer.kind == "words":
        counts["unknown"] = sum(int((numbers_in(column.values) == tokenizer.unk_id).sum()) for column in ids)
    return counts


def _count_blank_rows(task: ShardTask, words: list[Indices]) -> int:
    """Count the rows of which some text has no word."""
    is_blank = np.zeros(task.rows, np.bool_)
    rows = np.repeat(np.arange(task.rows), np.asarray(task.values.get("counts", 1), np.int64))
    for counted in words:
        is_blank[rows[counted == 1]] = True
    return int(is_blank.sum())


def longest_texts(columns: Columns) -> dict[str, int]:
    """Return the most ids that a text of each column has."""
    return {
        f"longest_{name}": int(np.diff(numbers_in(column.offsets)).max(initial=0))
        for name, column in _token_columns(columns).items()
    }
