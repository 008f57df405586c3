"""Ids of texts as Arrow arrays: parts that texts share are encoded once.

Most of a text is words that stand in it often. Where a kind of tokenizer lets nothing reach across a space,
the ids of a text are those of its parts, one after the other; each part is given to the tokenizer once, and
the rest is looking up, which Arrow does for all texts at once. The parts of a kind:

    sentencepiece-…     a piece is a run of marks of a space, or such a mark and what follows: texts are
                        cut before the first space of a run, which goes: the model puts one before any text
    wordpiece           words between white space: texts are cut at spaces
    gpt2 and the like   a space that stands alone belongs to the word after it: texts are cut before it
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from synthcli.data.prepare.texts import Mask, Texts
from synthcli.data.store.arrays import ends_of, integers, lists, numbers_in, strings
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.byte_level import OFFSET
from synthcli.data.tokenizers.fast_byte_pairs import Ids, encode_flat
from synthcli.data.tokenizers.sentence_pieces import SPACE

PARTS_KEPT = 2**18
CHARACTERS_KEPT = 2**24
BLANK = ord(" ")


def sentence_parts(texts: Texts) -> Mask:
    """Mark the first space of each run, but for those that end a text, or stand in one with U+2581."""
    is_blank = texts.array == BLANK
    is_blank[texts.starts[:-1]] = True
    begins = is_blank.copy()
    begins[1:] &= ~is_blank[:-1]
    ends = texts.starts[1:] - 1  # of each text, or its separator
    runs = np.flatnonzero(begins)
    begins[runs[np.searchsorted(runs, ends[is_blank[ends]], side="right") - 1]] = False
    for first, last in with_marks(texts):
        begins[first:last] = False
    return begins


def with_marks(texts: Texts) -> list[tuple[int, int]]:
    """Return where the texts that hold SentencePiece's mark of a space begin and end."""
    if SPACE.encode() not in texts.data:
        return []
    spans = pairwise(texts.starts.tolist())
    return [(first, last) for first, last in spans if SPACE.encode() in texts.data[first:last]]


def spaced_parts(texts: Texts) -> Mask:
    """Mark every space."""
    return texts.array == BLANK


def led_parts(texts: Texts) -> Mask:
    """Mark each space with neither white space before nor after it."""
    begins = texts.array == BLANK
    begins[1:] &= ~texts.is_space[:-1]
    begins[:-1] &= ~texts.is_space[1:]
    return begins


@dataclass(frozen=True)
class Cut:
    """Where parts begin, besides the first one of a text, and whether the space there is theirs."""

    begins: Callable[[Texts], Mask]
    is_space_kept: bool = False

    def __call__(self, texts: Texts) -> npt.NDArray[np.int64]:
        """Return where the parts begin, and the end of the last: each at a space, or at a separator."""
        begins = self.begins(texts)
        begins[texts.starts[:-1]] = True
        return np.append(np.flatnonzero(begins), len(begins))

    def text(self, part: str) -> str:
        """Return what the tokenizer is given of a part that begins with a space or a separator."""
        return part if self.is_space_kept and part[0] == " " else part[1:]


CUTS = {
    "sentencepiece-unigram": Cut(sentence_parts),
    "sentencepiece-bpe": Cut(sentence_parts),
    "wordpiece": Cut(spaced_parts),
    "gpt2": Cut(led_parts, is_space_kept=True),
    "byte-level-bpe": Cut(led_parts, is_space_kept=True),
}


class Whole:
    """Gives every text to the tokenizer as it is."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: Texts) -> Any:
        return lists(*ids_of(self.tokenizer, texts.strings()))


class Bytes:
    """Bytes are ids but for the special ones before them."""

    def __call__(self, texts: Texts) -> Any:
        values = np.delete(texts.array, texts.starts[:-1]).astype(np.int32) + np.int32(OFFSET)
        return lists(values, texts.starts - np.arange(len(texts.starts)))


class Numbers(dict[str, int]):
    """Numbers parts as they come; `new` are those that came since it was last emptied."""

    def __init__(self) -> None:
        self.new: list[str] = []

    def __missing__(self, part: str) -> int:
        self.new.append(part)
        number = self[part] = len(self)
        return number


class Remembering:
    """Gives every part to the tokenizer once, as long as memory for them is small."""

    def __init__(self, tokenizer: Tokenizer, cut: Cut) -> None:
        self.tokenizer, self.cut = tokenizer, cut
        self.forget()

    def forget(self) -> None:
        self.numbers = Numbers()
        self.characters = 0
        self.values = np.zeros(0, np.int32)
        self.ends = np.zeros(1, np.int64)  # of the ids of each part, after a 0

    def __call__(self, texts: Texts) -> Any:
        if len(self.numbers) > PARTS_KEPT or self.characters > CHARACTERS_KEPT:
            self.forget()
        places = self.cut(texts)
        parts = strings(texts.array, places).dictionary_encode()
        known = self.lists_of(parts.dictionary.to_pylist())
        ids = known.take(parts.indices)
        firsts = np.searchsorted(places, texts.starts)  # part of each text
        return lists(numbers_in(ids.values), numbers_in(ids.offsets)[firsts])

    def lists_of(self, parts: list[str]) -> Any:
        """Return the ids of each part as an Arrow array of lists."""
        numbers = np.fromiter(map(self.numbers.__getitem__, parts), np.int32, len(parts))
        self.learn(self.numbers.new)
        self.numbers.new = []
        return lists(self.values, self.ends).take(integers(numbers))

    def learn(self, parts: list[str]) -> None:
        values, ends = ids_of(self.tokenizer, list(map(self.cut.text, parts)))
        self.characters += sum(map(len, parts))
        self.ends = np.concatenate([self.ends, self.ends[-1] + ends[1:]])
        self.values = np.concatenate([self.values, values])


def ids_of(tokenizer: Tokenizer, texts: list[str]) -> Ids:
    """Return the ids of texts, by the fast encoding of a tokenizer that has one."""
    encoding = getattr(tokenizer, "fast_encoding", None)
    if encoding is None:
        return flat(tokenizer.encode_batch(texts))
    return encode_flat(encoding, texts, lambda others: flat(tokenizer.encode_batch(others)))


def flat(ids: list[list[int]]) -> Ids:
    """Return ids one after the other, and where each list of them ends."""
    ends = ends_of(np.fromiter(map(len, ids), np.int64, len(ids)))
    return np.fromiter(chain.from_iterable(ids), np.int32, int(ends[-1])), ends


Encode = Callable[[Texts], Any]
"""Texts to an Arrow array of lists of ids."""


def encode_of(tokenizer: Tokenizer) -> Encode:
    """Return the fastest way to a tokenizer's ids."""
    if tokenizer.kind == "bytes":
        return Bytes()
    return Remembering(tokenizer, CUTS[tokenizer.kind]) if tokenizer.kind in CUTS else Whole(tokenizer)
