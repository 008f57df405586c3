"""The special tokens, the length and the segments of a text that is classified."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow

from synthcli.data.examples.collate import Batch, join_ids, pad_rows
from synthcli.data.store.arrays import flatten, join_numbers
from synthcli.data.store.ragged import Ids, Indices
from synthcli.data.store.shards import NO_SECOND
from synthcli.data.tokenizers import Tokenizer


@dataclass(frozen=True)
class ClassifiedText:
    """bos, a text cut to fit `longest` ids, and eos where texts end with it.

    Of a pair eos stands after the first text in any case; where they `have_types`, what follows is of type 1.
    No text is without a position, and a head that reads the first has one to itself.
    """

    bos: int
    eos: int
    pad: int
    has_end: bool
    longest: int
    have_types: bool = False

    @classmethod
    def of(cls, tokenizer: Tokenizer, longest: int, have_types: bool = False) -> Self:
        """Return the texts of a classifier: they end where the tokenizer's publisher ends them."""
        special = (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id)
        return cls(*special, tokenizer.ends_texts, longest, have_types)

    def max_tokens(self, is_pair: bool = False) -> int:
        """Return how many ids of a text, or of both, fit beside the special tokens."""
        return max(self.longest - 1 - is_pair - self.has_end, 0)

    def ids(self, text: Ids, second: int = NO_SECOND) -> Ids:
        """Return what the model reads of a text; `second` is where the second of a pair begins in it."""
        end = (self.eos,) if self.has_end else ()
        if second == NO_SECOND:
            return join_ids(self.bos, text[: self.max_tokens()], *end)[: self.longest]
        first, other = fit_pair(second, len(text) - second, self.max_tokens(is_pair=True))
        pair = (text[:first], self.eos, text[second : second + other])
        return join_ids(self.bos, *pair, *end)[: self.longest]

    def types(self, ids: Ids, text: Ids, second: int = NO_SECOND) -> Ids:
        """Return the segment of every id that is read: 1 for the second text and what ends it."""
        types = np.zeros(len(ids), np.int32)
        if second != NO_SECOND:
            first, _ = fit_pair(second, len(text) - second, self.max_tokens(is_pair=True))
            types[first + 2 :] = 1
        return types

    def lengths(self, texts: Indices, is_pair: bool = False) -> Indices:
        """Return how many ids the texts, or pairs, of these lengths become."""
        return np.minimum(texts + 1 + is_pair + self.has_end, self.longest)

    def cut(self, texts: Indices, is_pair: bool = False) -> int:
        """Return how many of them are cut."""
        return int((texts > self.max_tokens(is_pair)).sum())

    def collate(self, texts: list[Ids], seconds: list[int]) -> Batch:
        """Return tokens and padding (batch, length), and token_types where texts have them."""
        rows = [self.ids(text, second) for text, second in zip(texts, seconds, strict=True)]
        tokens, padding = pad_rows(rows, self.pad)
        if not self.have_types:
            return {"tokens": tokens, "padding": padding}
        types = [self.types(*each) for each in zip(rows, texts, seconds, strict=True)]
        return {"tokens": tokens, "padding": padding, "token_types": pad_rows(types, 0)[0]}


def fit_pair(first: int, second: int, max_tokens: int) -> tuple[int, int]:
    """Return how much is read of two texts: the longer is cut until they fit, as transformers does it.

    Where both are longer than half of what fits, each has half of it, and the longer the odd place.
    """
    if first + second <= max_tokens:
        return first, second
    shorter, half = min(first, second), max_tokens // 2
    shorter = min(shorter, half)
    return (shorter, max_tokens - shorter) if first <= second else (max_tokens - shorter, shorter)


def second_starts(data: pyarrow.Table, name: str = "second") -> Indices | None:
    """Return where the second text of each row begins, of choices one after the other; None without pairs."""
    if name not in data.column_names:
        return None
    column = data.column(name)
    if "choices" not in data.column_names:
        numbers = join_numbers(column)
    else:
        parts = [np.asarray(flatten(chunk)) for chunk in column.chunks]
        numbers = np.concatenate([np.zeros(0, np.int32), *parts])
    return numbers if (numbers != NO_SECOND).any() else None
