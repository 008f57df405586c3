"""Padding on either side: positions count from the first real token of a row."""

import torch
from torch import Tensor


def starts_of(mask: Tensor) -> Tensor:
    """Return how many positions of padding each row begins with, one real position left at least."""
    return (mask.cumsum(1) == 0).sum(1).clamp_max(mask.shape[1] - 1)


def padding_of(mask: Tensor | None) -> Tensor | None:
    """Return True at padding, or None where there is none."""
    return None if mask is None or bool(mask.all()) else mask == 0


class Turn:
    """Brings every row's first real token to position 0, what it begins with to its end, and back."""

    def __init__(self, mask: Tensor | None) -> None:
        starts = None if mask is None else starts_of(mask)
        self.starts = starts if starts is not None and bool(starts.any()) else None

    def to_front(self, rows: Tensor) -> Tensor:
        return rows if self.starts is None else self._turned(rows, self.starts)

    def back(self, rows: Tensor) -> Tensor:
        return rows if self.starts is None else self._turned(rows, -self.starts)

    @staticmethod
    def _turned(rows: Tensor, by: Tensor) -> Tensor:
        length = rows.shape[1]
        index = (torch.arange(length, device=rows.device) + by[:, None]) % length
        return rows.gather(1, index.view(*index.shape, *[1] * (rows.dim() - 2)).expand_as(rows))
