"""Arrays of ids into padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from synthcli.data.store.ragged import Ids

IGNORED = -100  # in targets: a position that is padding

Batch = dict[str, Tensor | None]


@dataclass(frozen=True)
class ExamplesReport:
    """What became of the rows of a split."""

    rows: int
    examples: int
    tokens: int  # shown in one epoch, bos and eos included
    truncated_sources: int = 0  # rows of which the end is not shown
    truncated_targets: int = 0
    cut: int = 0  # rows shown in several chunks, nothing lost


def pad_rows(
    rows: Sequence[Ids], fill: int
) -> tuple[Int[Tensor, "batch length"], Bool[Tensor, "batch length"] | None]:
    """Return the rows side by side and where they are padding, or None where nothing is."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    tokens = np.full((len(rows), lengths.max(initial=0)), fill, dtype=np.int64)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids)] = ids
    if (lengths == tokens.shape[1]).all():
        return torch.from_numpy(tokens), None
    padding = np.arange(tokens.shape[1]) >= lengths[:, None]
    return torch.from_numpy(tokens), torch.from_numpy(padding)


def join_ids(*parts: Ids | int) -> Ids:
    """Return ids and arrays of ids one after the other."""
    return np.concatenate([np.atleast_1d(np.asarray(part, dtype=np.int32)) for part in parts])


def shift_targets(streams: Sequence[Ids], pad_id: int) -> Batch:
    """Return every stream but its last id as tokens, every stream but its first as targets."""
    tokens, padding = pad_rows([stream[:-1] for stream in streams], pad_id)
    targets, _ = pad_rows([stream[1:] for stream in streams], IGNORED)
    return {"tokens": tokens, "targets": targets, "padding": padding}
