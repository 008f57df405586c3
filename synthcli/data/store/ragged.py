"""Rows of token ids as they lie in Arrow's files: nothing is read before it is asked for."""

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.store.arrays import flatten, numbers_in

Ids = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


class Ragged:
    """A column of lists: `ragged[row]` is a view of the mapped file."""

    def __init__(self, column: pyarrow.ChunkedArray) -> None:
        self._values = [numbers_in(chunk.values) for chunk in column.chunks]
        self._offsets = [numbers_in(chunk.offsets) for chunk in column.chunks]
        sizes = [len(offsets) - 1 for offsets in self._offsets]
        self._starts = np.cumsum([0, *sizes])
        none = np.zeros(0, dtype=np.int64)
        self.lengths: Indices = np.concatenate([none, *(np.diff(offsets) for offsets in self._offsets)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: int) -> Ids:
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        start, stop = self._offsets[chunk][row - self._starts[chunk] :][:2]
        view: Ids = self._values[chunk][start:stop]
        return view


class NestedRagged:
    """A column of lists of lists: `nested[row]` are views of the mapped file."""

    def __init__(self, column: pyarrow.ChunkedArray) -> None:
        lists = [flatten(chunk) for chunk in column.chunks]
        self.inner = Ragged(pyarrow.chunked_array(lists, column.type.value_type))
        none = np.zeros(0, dtype=np.int64)
        sizes = [np.diff(numbers_in(chunk.offsets)) for chunk in column.chunks]
        self.counts: Indices = np.concatenate([none, *sizes])
        self._ends = np.cumsum(self.counts)
        firsts = self._ends - self.counts
        self.longest: Indices = np.maximum.reduceat(self.inner.lengths, firsts)  # of the lists of each row

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, row: int) -> list[Ids]:
        end = int(self._ends[row])
        return [self.inner[place] for place in range(end - int(self.counts[row]), end)]
