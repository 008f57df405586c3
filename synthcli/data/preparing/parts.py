"""Ids of texts as Arrow arrays: parts that texts share are encoded once.

Most of a text is words that stand in it often. Where a kind of tokenizer lets nothing reach across a space,
the ids of a text are those of its parts, one after the other; each part is given to the tokenizer once, and
the rest is looking up. The parts of a kind:

    sentencepiece-bpe   a piece is a run of marks of a space, or such a mark and what follows: texts are
                        cut before the first space of a run, which goes: the model puts one before any text
    wordpiece           words between white space: texts are cut at spaces
    gpt2 and the like   a space that stands alone belongs to the word after it: texts are cut before it

The unigram model of SentencePiece adds up the scores of a text in single precision: which of two pieces that
are as good it takes may depend on what stands before. And it is fast.
"""

import re
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.byte_level import OFFSET

SPACE = "\u2581"  # SentencePiece's mark of a space
PARTS_KEPT = 2**18
CHARACTERS_KEPT = 2**24
# A text with two spaces in a row, or one at an end: the first part as it stands, others without one space.
RUNS = re.compile(r"(?:\A| )( *[^ ]+(?: +\Z)?| +\Z)")
LONE_SPACE = re.compile(r"(?<=\S)(?= \S)")


def sentence_parts(text: str) -> list[str]:
    """Cut a text such that each part, with the space that SentencePiece puts before it, is encoded alone."""
    if SPACE in text:
        return [text]
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return RUNS.findall(text)
    return text.split(" ")


def spaced_parts(text: str) -> list[str]:
    return text.split(" ")


def led_parts(text: str) -> list[str]:
    """Cut a text before each space with neither white space before nor after it."""
    return LONE_SPACE.split(text)


Cut = Callable[[str], list[str]]
CUTS: dict[str, Cut] = {
    "sentencepiece-bpe": sentence_parts,
    "wordpiece": spaced_parts,
    "gpt2": led_parts,
    "byte-level-bpe": led_parts,
}


class Whole:
    """Gives every text to the tokenizer as it is."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: list[str]) -> Any:
        ids = self.tokenizer.encode_batch(texts)
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        return lists(np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum())), ends_of(lengths))


class Bytes:
    """Bytes are ids but for the special ones before them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: list[str]) -> Any:
        coded = [text.encode() for text in texts]
        values = np.frombuffer(b"".join(coded), np.uint8).astype(np.int32) + np.int32(OFFSET)
        return lists(values, ends_of(np.fromiter(map(len, coded), np.int64, len(coded))))


class Remembering:
    """Gives every part to the tokenizer once, as long as memory for them is small."""

    def __init__(self, tokenizer: Tokenizer, cut: Cut) -> None:
        self.tokenizer, self.cut = tokenizer, cut
        self.forget()

    def forget(self) -> None:
        self.numbers: dict[str, int] = {}
        self.characters = 0
        self.values = np.zeros(0, np.int32)
        self.ends = np.zeros(1, np.int64)  # of the ids of each part, after a 0

    def __call__(self, texts: list[str]) -> Any:
        if len(self.numbers) > PARTS_KEPT or self.characters > CHARACTERS_KEPT:
            self.forget()
        rows = [self.cut(text) for text in texts]
        self.learn([part for part in set(chain.from_iterable(rows)) if part not in self.numbers])
        counts = ends_of(np.fromiter(map(len, rows), np.int64, len(rows)))
        numbered = map(self.numbers.__getitem__, chain.from_iterable(rows))
        numbers = np.fromiter(numbered, np.int64, int(counts[-1]))
        starts, lengths = self.ends[numbers], self.ends[numbers + 1] - self.ends[numbers]
        ends = ends_of(lengths)
        places = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
        return lists(self.values[places], ends[counts])

    def learn(self, parts: list[str]) -> None:
        ids = self.tokenizer.encode_batch(parts) if parts else []
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        new = np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum()))
        self.numbers.update(zip(parts, range(len(self.numbers), len(self.numbers) + len(parts)), strict=True))
        self.characters += sum(map(len, parts))
        self.ends = np.concatenate([self.ends, self.ends[-1] + np.cumsum(lengths)])
        self.values = np.concatenate([self.values, new])


def ends_of(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each of several things ends, after a 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def lists(values: npt.NDArray[np.int32], ends: npt.NDArray[np.int64]) -> Any:
    return pyarrow.ListArray.from_arrays(integers(ends), integers(values))


def integers(numbers: npt.NDArray[Any]) -> Any:
    """Return an Arrow array of 32 bits; made from its buffer, since `pyarrow.array` loads all of pandas."""
    numbers = np.ascontiguousarray(numbers, np.int32)
    return pyarrow.Array.from_buffers(pyarrow.int32(), len(numbers), [None, pyarrow.py_buffer(numbers)])


def numbers_in(array: Any) -> npt.NDArray[np.int32]:
    """Return a view of an Arrow array of 32 bits; so would `to_numpy`, with all of pandas."""
    if not len(array):
        return np.zeros(0, np.int32)
    width = np.dtype(np.int32).itemsize
    return np.frombuffer(array.buffers()[1], np.int32, len(array), array.offset * width)


Encode = Callable[[list[str]], Any]
"""Texts to an Arrow array of lists of ids."""


def encode_of(tokenizer: Tokenizer) -> Encode:
    """Return the fastest way to a tokenizer's ids."""
    if tokenizer.kind == "bytes":
        return Bytes(tokenizer)
    return Remembering(tokenizer, CUTS[tokenizer.kind]) if tokenizer.kind in CUTS else Whole(tokenizer)
