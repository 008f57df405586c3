"""Texts of a shard in one buffer: how they travel to whichever process encodes them, and are counted.

Python's strings cost more to send, cut and count than a buffer in which numpy sees all of them at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from synthcli.data.store.ragged import Indices

SEPARATOR = "\n"
BYTES_AT_ONCE = 2**22  # worked on together: what is made on the way to ids is larger than they are
# What `str.split` splits at, and `str.isspace` is true of.
NARROW = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "
WIDE = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
IS_NARROW = np.isin(np.arange(256), [ord(space) for space in NARROW])

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TextBuffer:
    """UTF-8 with a separator before each text; text i stands behind starts[i], up to starts[i + 1]."""

    data: bytes
    starts: Indices  # (texts + 1,)

    @classmethod
    def join(cls, texts: list[str]) -> Self:
        whole = SEPARATOR.join(["", *texts])
        sizes = map(len, texts if whole.isascii() else map(str.encode, texts))
        lengths = np.fromiter(sizes, np.int64, len(texts)) + len(SEPARATOR)
        return cls(whole.encode(), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def bytes(self) -> Indices:
        """Count the bytes of each text, and the line's end as one."""
        return np.diff(self.starts)

    @cached_property
    def array(self) -> Bytes:
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def is_ascii(self) -> bool:
        return self.data.isascii()

    @cached_property
    def is_space(self) -> Mask:
        """Whether each byte belongs to white space; separators do."""
        mask: Mask = IS_NARROW[self.array]
        if not self.is_ascii:
            for first, size in _wide_spaces(self.array):
                for place in range(size):
                    mask[first + place] = True
        return mask

    @property
    def words(self) -> Indices:
        """Count the words of each text between white space, and the line's end as one."""
        is_before_word = self.is_space[:-1] & ~self.is_space[1:]
        return np.diff(np.searchsorted(np.flatnonzero(is_before_word), self.starts)) + 1

    def strings(self) -> list[str]:
        places = self.starts.tolist()
        ends = pairwise(places)
        if self.is_ascii:
            whole = self.data.decode("ascii")
            return [whole[start + 1 : end] for start, end in ends]
        return [self.data[start + 1 : end].decode() for start, end in ends]

    @cached_property
    def parts(self) -> tuple[Self, ...]:
        """A few texts at a time; what is found of each, such as its white space, is found once."""
        return tuple(self.slices(BYTES_AT_ONCE)) or (self,)

    def slices(self, size: int) -> Iterator[Self]:
        """Cut texts where they have enough bytes to be worked on together."""
        first = 0
        while first < len(self):
            wanted = int(self.starts[first]) + size
            last = min(int(np.searchsorted(self.starts, wanted)), len(self))
            start, end = int(self.starts[first]), int(self.starts[last])
            yield type(self)(self.data[start:end], self.starts[first : last + 1] - start)
            first = last


@dataclass(frozen=True)
class ShardTask:
    """Consecutive rows of a split that become one shard; `number` counts from 0."""

    split: str
    number: int
    kind: str
    rows: int
    texts: dict[str, TextBuffer]  # by column, as readers name it
    values: dict[str, list[int | float]]  # what is no text: labels, scores, how many choices a row has
    bytes: int  # of their text

    @property
    def shard(self) -> str:
        """Where the shard stands in the store."""
        return f"{self.split}/data-{self.number:05d}.arrow"


def _wide_spaces(array: Bytes) -> Iterator[tuple[Indices, int]]:
    """Yield where white space of several bytes begins, and of how many."""
    for size, is_lead in LEADS.items():
        first = np.flatnonzero(is_lead[array])
        coded = sum(array[first + place].astype(np.int64) << 8 * (size - 1 - place) for place in range(size))
        yield first[np.isin(coded, CODES[size])], size


CODES = {
    size: [int.from_bytes(space.encode()) for space in WIDE if len(space.encode()) == size] for size in (2, 3)
}
LEADS = {
    size: np.isin(np.arange(256), [code >> 8 * (size - 1) for code in codes]) for size, codes in CODES.items()
}
