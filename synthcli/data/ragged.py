"""Rows of token ids as they lie in Arrow's files: nothing is read before it is asked for."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


class Ragged:
    """A column of lists: `ragged[row]` is a view of the mapped file."""

    def __init__(self, column: Any) -> None:
        self._values = [chunk.values.to_numpy() for chunk in column.chunks]
        self._offsets = [chunk.offsets.to_numpy() for chunk in column.chunks]
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
