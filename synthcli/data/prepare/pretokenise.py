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

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.prepare.texts import Mask, TextBuffer
from synthcli.data.store.arrays import cumulate, int_array, list_array, numbers_in, string_array
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.byte_level import OFFSET
from synthcli.data.tokenizers.fast_bpe import Ids, encode_flat
from synthcli.data.tokenizers.sentencepiece import SPACE

PARTS_KEPT = 2**18
CHARACTERS_KEPT = 2**24
BLANK = ord(" ")


def _mark_sentencepiece(texts: TextBuffer) -> Mask:
    """Mark the first space of each run, but for those that end a text, or stand in one with U+2581."""
    is_blank = texts.array == BLANK
    is_blank[texts.starts[:-1]] = True
    begins = is_blank.copy()
    begins[1:] &= ~is_blank[:-1]
    ends = texts.starts[1:] - 1  # of each text, or its separator
    runs = np.flatnonzero(begins)
    begins[runs[np.searchsorted(runs, ends[is_blank[ends]], side="right") - 1]] = False
    for first, last in _find_space_symbols(texts):
        begins[first:last] = False
    return begins


def _find_space_symbols(texts: TextBuffer) -> list[tuple[int, int]]:
    """Return where the texts that hold SentencePiece's mark of a space begin and end."""
    if SPACE.encode() not in texts.data:
        return []
    spans = pairwise(texts.starts.tolist())
    return [(first, last) for first, last in spans if SPACE.encode() in texts.data[first:last]]


def _mark_spaces(texts: TextBuffer) -> Mask:
    """Mark every space."""
    return texts.array == BLANK


def _mark_lone_spaces(texts: TextBuffer) -> Mask:
    """Mark each space with neither white space before nor after it."""
    begins = texts.array == BLANK
    begins[1:] &= ~texts.is_space[:-1]
    begins[:-1] &= ~texts.is_space[1:]
    return begins


@dataclass(frozen=True)
class PreTokeniser:
    """Where parts begin, besides the first one of a text, and whether the space there is theirs."""

    begins: Callable[[TextBuffer], Mask]
    is_space_kept: bool = False

    def __call__(self, texts: TextBuffer) -> npt.NDArray[np.int64]:
        """Return where the parts begin, and the end of the last: each at a space, or at a separator."""
        begins = self.begins(texts)
        begins[texts.starts[:-1]] = True
        return np.append(np.flatnonzero(begins), len(begins))

    def text(self, part: str) -> str:
        """Return what the tokenizer is given of a part that begins with a space or a separator."""
        return part if self.is_space_kept and part[0] == " " else part[1:]


PRE_TOKENISERS = {
    "sentencepiece-unigram": PreTokeniser(_mark_sentencepiece),
    "sentencepiece-bpe": PreTokeniser(_mark_sentencepiece),
    "wordpiece": PreTokeniser(_mark_spaces),
    "gpt2": PreTokeniser(_mark_lone_spaces, is_space_kept=True),
    "byte-level-bpe": PreTokeniser(_mark_lone_spaces, is_space_kept=True),
}


class WholeTexts:
    """Gives every text to the tokenizer as it is."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: TextBuffer) -> pyarrow.ListArray:
        return list_array(*encode_texts(self.tokenizer, texts.strings()))


class ByteIds:
    """Bytes are ids but for the special ones before them."""

    def __call__(self, texts: TextBuffer) -> pyarrow.ListArray:
        values = np.delete(texts.array, texts.starts[:-1]).astype(np.int32) + np.int32(OFFSET)
        return list_array(values, texts.starts - np.arange(len(texts.starts)))


class PartNumbers(dict[str, int]):
    """Numbers parts as they come; `new` are those that came since it was last emptied."""

    def __init__(self) -> None:
        self.new: list[str] = []

    def __missing__(self, part: str) -> int:
        self.new.append(part)
        number = self[part] = len(self)
        return number


class PartCache:
    """Gives every part to the tokenizer once, as long as memory for them is small."""

    def __init__(self, tokenizer: Tokenizer, cut: PreTokeniser) -> None:
        self.tokenizer, self.cut = tokenizer, cut
        self.forget()

    def forget(self) -> None:
        self.numbers = PartNumbers()
        self.characters = 0
        self.values = np.zeros(0, np.int32)
        self.ends = np.zeros(1, np.int64)  # of the ids of each part, after a 0

    def __call__(self, texts: TextBuffer) -> pyarrow.ListArray:
        if len(self.numbers) > PARTS_KEPT or self.characters > CHARACTERS_KEPT:
            self.forget()
        places = self.cut(texts)
        parts = string_array(texts.array, places).dictionary_encode()
        known = self.look_up(parts.dictionary.to_pylist())
        ids = known.take(parts.indices)
        firsts = np.searchsorted(places, texts.starts)  # part of each text
        return list_array(numbers_in(ids.values), numbers_in(ids.offsets)[firsts])

    def look_up(self, parts: list[str]) -> pyarrow.ListArray:
        """Return the ids of each part as an Arrow array of lists."""
        numbers = np.fromiter(map(self.numbers.__getitem__, parts), np.int32, len(parts))
        self.learn(self.numbers.new)
        self.numbers.new = []
        return list_array(self.values, self.ends).take(int_array(numbers))

    def learn(self, parts: list[str]) -> None:
        values, ends = encode_texts(self.tokenizer, list(map(self.cut.text, parts)))
        self.characters += sum(map(len, parts))
        self.ends = np.concatenate([self.ends, self.ends[-1] + ends[1:]])
        self.values = np.concatenate([self.values, values])


def encode_texts(tokenizer: Tokenizer, texts: list[str]) -> Ids:
    """Return the ids of texts, by the fast encoding of a tokenizer that has one."""
    encoding = getattr(tokenizer, "fast_encoding", None)
    if encoding is None:
        return _flatten_ids(tokenizer.encode_batch(texts))
    return encode_flat(encoding, texts, lambda others: _flatten_ids(tokenizer.encode_batch(others)))


def _flatten_ids(ids: list[list[int]]) -> Ids:
    """Return ids one after the other, and where each list of them ends."""
    ends = cumulate(np.fromiter(map(len, ids), np.int64, len(ids)))
    return np.fromiter(chain.from_iterable(ids), np.int32, int(ends[-1])), ends


Encode = Callable[[TextBuffer], pyarrow.ListArray]
"""Texts to an Arrow array of lists of ids."""


def find_fastest_encoding(tokenizer: Tokenizer) -> Encode:
    """Return the fastest way to a tokenizer's ids."""
    if tokenizer.kind == "bytes":
        return ByteIds()
    return (
        PartCache(tokenizer, PRE_TOKENISERS[tokenizer.kind])
        if tokenizer.kind in PRE_TOKENISERS
        else WholeTexts(tokenizer)
    )
