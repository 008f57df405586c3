"""Arrow's arrays as numpy's, and back, without a copy: Arrow's own ways load all of pandas."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow


def numbers_in(array: pyarrow.Array) -> npt.NDArray[Any]:
    """Return a view of an Arrow array of numbers."""
    dtype = np.dtype(str(NAMES.get(str(array.type), array.type)))
    if not len(array):
        return np.zeros(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def flatten(lists: pyarrow.ListArray) -> pyarrow.Array:
    """Return what the lists of an Arrow array hold, end to end; Arrow's `flatten` loads all its functions."""
    ends = numbers_in(lists.offsets)
    return lists.values[int(ends[0]) : int(ends[-1])]


def take_texts(column: pyarrow.ChunkedArray, rows: npt.NDArray[np.integer]) -> list[str]:
    """Return the texts of some rows of a column; Arrow's `take` loads all its functions."""
    return [column[int(row)].as_py() for row in rows]


NAMES = {"float": "float32", "double": "float64"}  # of types that numpy calls otherwise


def join_numbers(column: pyarrow.ChunkedArray) -> npt.NDArray[Any]:
    """Return the numbers of a column, whose chunks are joined."""
    parts = [numbers_in(chunk) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, numbers_in(_empty_like(column))])


def _empty_like(column: pyarrow.ChunkedArray) -> pyarrow.Array:
    return pyarrow.array([], column.type) if not column.chunks else column.chunks[0][:0]


def int_array(numbers: npt.NDArray[np.integer]) -> pyarrow.Array:
    """Return an Arrow array of 32 bits."""
    numbers = np.ascontiguousarray(numbers, np.int32)
    return pyarrow.Array.from_buffers(pyarrow.int32(), len(numbers), [None, pyarrow.py_buffer(numbers)])


def string_array(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.integer]) -> pyarrow.Array:
    """Return an Arrow array of texts in one buffer of UTF-8; `ends` begins with where the first one does."""
    offsets = np.ascontiguousarray(ends, np.int32)
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(data)]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(offsets) - 1, buffers)


def list_array(values: npt.NDArray[np.integer], ends: npt.NDArray[np.integer]) -> pyarrow.ListArray:
    """Return an Arrow array of lists of integers; `ends` begins with where the first one does."""
    return pyarrow.ListArray.from_arrays(int_array(ends), int_array(values))


def join_lists(one: pyarrow.ListArray, other: pyarrow.ListArray) -> pyarrow.ListArray:
    """Return lists of integers, each one's numbers and then the other's."""
    first, second = (np.diff(numbers_in(part.offsets)) for part in (one, other))
    ends = cumulate(first + second)
    values = np.empty(int(ends[-1]), np.int32)
    is_first = np.repeat(np.tile([True, False], len(first)), np.stack([first, second], 1).ravel())
    values[is_first], values[~is_first] = numbers_in(flatten(one)), numbers_in(flatten(other))
    return list_array(values, ends)


def cumulate(lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return where each of several things ends, after a 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
