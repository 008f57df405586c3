"""Arrow's arrays as numpy's: what is read without Arrow's functions is what they return."""

import numpy as np
import pyarrow
import pytest

from synthcli.data.store.arrays import flatten, take_texts

LISTS = pyarrow.array([[1, 2], [], [3], [4, 5, 6]], pyarrow.list_(pyarrow.int32()))
NESTED = pyarrow.array([[[1], [2, 3]], [], [[4], [], [5, 6]]], pyarrow.list_(pyarrow.list_(pyarrow.int32())))


@pytest.mark.parametrize("part", [slice(0, 4), slice(1, 3), slice(2, 4), slice(0, 0), slice(4, 4)])
@pytest.mark.parametrize("lists", [LISTS, NESTED])
def test_what_lists_hold_is_what_arrow_flattens(lists: pyarrow.Array, part: slice) -> None:
    assert flatten(lists[part]).to_pylist() == lists[part].flatten().to_pylist()


def test_texts_of_rows_in_any_order_and_chunk() -> None:
    column = pyarrow.chunked_array([["a", "bc"], [], ["ä", ""]])
    rows = np.array([3, 0, 2, 2, 1])
    assert (
        take_texts(column, rows) == column.take(pyarrow.array(rows)).to_pylist() == ["", "a", "ä", "ä", "bc"]
    )
    assert take_texts(column, rows[:0]) == []
