"""The rows of a split as they lie in its shards, a batch at a time and uncopied, and the hash of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.store.arrays import flatten, numbers_in
from synthcli.data.store.hashing import GOLDEN, Hashes, fold_hashes, splitmix64, text_hashes
from synthcli.data.store.ragged import Ids, Indices
from synthcli.data.store.shards import find_shards

COLUMNS = ("tokens", "source", "target", "choices")


@dataclass(frozen=True)
class IdColumn:
    """Text i is values[offsets[i]:offsets[i + 1]], and row r has texts firsts[r] to firsts[r + 1]."""

    values: Ids
    offsets: Indices
    firsts: Indices

    @property
    def lengths(self) -> Indices:
        lengths: Indices = np.diff(self.offsets)
        return lengths


def read_batches(folder: Path) -> Iterator[pyarrow.RecordBatch]:
    """Yield the batches of a split's shards in order, mapped from disk."""
    for shard in find_shards(folder):
        with pyarrow.memory_map(str(shard)) as mapped:
            yield from (batch for batch in pyarrow.ipc.open_stream(mapped) if batch.num_rows)


def id_columns(batch: pyarrow.RecordBatch) -> dict[str, IdColumn]:
    """Return the columns of ids by name."""
    return {name: id_column(batch.column(name)) for name in COLUMNS if name in batch.schema.names}


def id_column(array: pyarrow.ListArray) -> IdColumn:
    """Return the ids of a column of lists, or of lists of lists."""
    rows = _list_offsets(array)
    inner = flatten(array)
    if not pyarrow.types.is_list(inner.type):
        return IdColumn(numbers_in(inner), rows, np.arange(len(rows)))
    return IdColumn(numbers_in(flatten(inner)), _list_offsets(inner), rows)


def _list_offsets(array: pyarrow.ListArray) -> Indices:
    """Return where each list begins and the last one ends, from 0."""
    offsets = numbers_in(array.offsets).astype(np.int64)
    from_zero: Indices = offsets - offsets[0]
    return from_zero


def row_hashes(columns: list[IdColumn]) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """Return the hash of each row over all of its columns, and whether a row has no id at all."""
    rows = len(columns[0].firsts) - 1
    hashes, is_empty = np.zeros(rows, np.uint64), np.ones(rows, np.bool_)
    for column in columns:
        texts = text_hashes(column.values, column.offsets)
        hashes = splitmix64(hashes * GOLDEN + fold_hashes(texts, column.firsts))
        ends = column.offsets[column.firsts]
        is_empty &= np.diff(ends) == 0
    return hashes, is_empty
