"""Padding on either side: positions count from the first real token of a row."""

import torch
from torch import Tensor


def starts_of(mask: Tensor) -> Tensor:
    """Return how many positions of padding each row begins with, one real position left at least."""
    return (mask.cumsum(1) == 0).sum(1).clamp_max(mask.shape[1] - 1)


def padding_of(mask: Tensor | None) -> Tensor | None:
    """Return True at padding, or None where there is none; a traced graph holds for any padding."""
    if mask is None or (not torch.compiler.is_compiling() and bool(mask.all())):
        return None
    return mask == 0


class Turn:
    """Brings every row's first real token to position 0, what it begins with to its end, and back."""

    def __init__(self, mask: Tensor | None) -> None:
        starts = None if mask is None else starts_of(mask)
        is_needed = starts is not None and (torch.compiler.is_compiling() or bool(starts.any()))
        self.starts = starts if is_needed else None
        self.padding = padding_of(None if mask is None else self.to_front(mask))

    def to_front(self, rows: Tensor) -> Tensor:
        return rows if self.starts is None else self._rotate(rows, self.starts)

    def back(self, rows: Tensor) -> Tensor:
        """Return rows as the caller has them; what they begin with is 0, since it has seen nothing."""
        if self.starts is None:
            return rows
        before = torch.arange(rows.shape[1], device=rows.device) < self.starts[:, None]
        return self._rotate(rows, -self.starts).masked_fill(
            before.view(*before.shape, *[1] * (rows.dim() - 2)), 0
        )

    def back_map(self, maps: Tensor) -> Tensor:
        """Turn both axes of maps (batch, heads, queries, keys) back."""
        if self.starts is None:
            return maps
        by_query = self.back(maps.transpose(1, 2)).transpose(1, 2)
        return self.back(by_query.transpose(1, 3)).transpose(1, 3)

    @staticmethod
    def _rotate(rows: Tensor, by: Tensor) -> Tensor:
        length = rows.shape[1]
        index = (torch.arange(length, device=rows.device) + by[:, None]) % length
        return rows.gather(1, index.view(*index.shape, *[1] * (rows.dim() - 2)).expand_as(rows))
