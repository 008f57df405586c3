"""A split as one sequence: every window of it, read without what is outside."""

import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow

from synthcli.data.examples.windows import Joined

BOS, EOS = 1, 2
TOKENIZER: Any = SimpleNamespace(bos_id=BOS, eos_id=EOS)


def joined(rows: list[Any]) -> Joined:
    column = pyarrow.chunked_array([pyarrow.array(rows, type=pyarrow.list_(pyarrow.int32()))])
    return Joined(SimpleNamespace(column=lambda name: column), TOKENIZER)


def test_every_window_is_a_part_of_the_whole() -> None:
    rows: list[list[int]] = [[], [10, 11, 12], [13], [], [], [14, 15], []]
    whole = [BOS, *(i for row in rows for i in (*row, EOS))]
    split = joined(rows)
    assert split.targets == len(whole) - 1
    for start in range(len(whole)):
        for last in range(start, len(whole)):
            assert split.between(start, last).tolist() == whole[start : last + 1], (start, last)


def test_of_a_long_row_no_more_is_copied_than_the_window() -> None:
    ids = np.arange(2_000_000, dtype=np.int32)
    split = joined([ids, ids[:5]])
    tracemalloc.start()
    window = split.between(1_000_000, 1_000_100)
    end = split.between(1_999_990, 2_000_003)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert window.tolist() == list(range(999_999, 1_000_100))
    assert end.tolist() == [*range(1_999_989, 2_000_000), EOS, 0, 1]
    assert peak < 100_000
