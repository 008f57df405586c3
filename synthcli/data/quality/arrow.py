"""The ids of a split as they lie in its shards, a batch at a time; nothing is copied."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from synthcli.data.store.arrays import flat, numbers_in
from synthcli.data.store.ragged import Ids, Indices
from synthcli.data.store.shards import shards_of

COLUMNS = ("tokens", "source", "target", "choices")


@dataclass(frozen=True)
class Column:
    """Text i is values[offsets[i]:offsets[i + 1]], and row r has texts firsts[r] to firsts[r + 1]."""

    values: Ids
    offsets: Indices
    firsts: Indices

    @property
    def lengths(self) -> Indices:
        lengths: Indices = np.diff(self.offsets)
        return lengths


def batches_of(folder: Path) -> Iterator[Any]:
    """Yield the batches of a split's shards in order, mapped from disk."""
    for shard in shards_of(folder):
        with pyarrow.memory_map(str(shard)) as mapped:
            yield from (batch for batch in pyarrow.ipc.open_stream(mapped) if batch.num_rows)


def ids_in(batch: Any) -> dict[str, Column]:
    """Return the columns of ids by name."""
    return {name: column_of(batch.column(name)) for name in COLUMNS if name in batch.schema.names}


def column_of(array: Any) -> Column:
    """Return the ids of a column of lists, or of lists of lists."""
    rows = offsets_of(array)
    inner = flat(array)
    if not pyarrow.types.is_list(inner.type):
        return Column(numbers_in(inner), rows, np.arange(len(rows)))
    return Column(numbers_in(flat(inner)), offsets_of(inner), rows)


def offsets_of(array: Any) -> Indices:
    """Return where each list begins and the last one ends, from 0."""
    offsets = numbers_in(array.offsets).astype(np.int64)
    from_zero: Indices = offsets - offsets[0]
    return from_zero
