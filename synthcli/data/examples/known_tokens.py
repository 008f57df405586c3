"""Which tokens of a split say something: those that are neither special nor unknown to the tokenizer."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthcli.data.store.arrays import flatten, numbers_in
from synthcli.data.store.store import Store
from synthcli.data.tokenizers.base import special_ids
from synthcli.errors import SynthError

PART = 2**16  # ids looked at together

# what a model of each kind of rows has to read, and to predict
COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("tokens",),
    "pairs": ("source", "target"),
    "labelled": ("tokens",),
    "scored": ("tokens",),
    "choices": ("choices",),
}


def refuse_unknown_texts(store: Store, split: str) -> None:
    """Raise where a column of a split holds no token that says something: it has no figure."""
    says_something = np.ones(store.tokenizer.vocab_size, dtype=bool)
    says_something[list(special_ids(store.tokenizer).values())] = False
    for column in COLUMNS[store.kind]:
        if not any(says_something[ids].any() for ids in _read_ids(store, split, column)):
            where = "" if column in ("tokens", "choices") else f" in `{column}`"
            raise SynthError(
                f"`{split}` of `{store.corpus}` holds no token{where} that its tokenizer knows:"
                " all are unknown or special",
                "take text in the tokenizer's own letters, or `--new-vocabulary` in `synth finetune`",
            )


def count_unknown(store: Store, split: str) -> tuple[int, int]:
    """Return how many tokens of a split are unknown to the tokenizer, and how many there are."""
    parts = [ids for column in COLUMNS[store.kind] for ids in _read_ids(store, split, column)]
    return sum(int((ids == store.tokenizer.unk_id).sum()) for ids in parts), sum(map(len, parts))


def _read_ids(store: Store, split: str, column: str) -> Iterator[npt.NDArray[np.integer]]:
    """Yield the ids of a column, a part at a time, as they lie in the files."""
    for chunk in store.table(split).column(column).chunks:
        ids = flatten(chunk)
        numbers = numbers_in(flatten(ids) if column == "choices" else ids)
        yield from (numbers[start : start + PART] for start in range(0, len(numbers), PART))
