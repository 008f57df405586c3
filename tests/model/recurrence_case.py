"""A recurrence to compute, and what comes of it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synthcli.model.ops.recurrence import recurrence

EVERY = 16  # steps between stored states: lengths around it cross chunks


@dataclass(frozen=True)
class Case:
    """A recurrence to compute; `skip` is x, part (the fourth of u) or none."""

    batch: int = 2
    length: int = 5
    width: int = 6
    skip: str = "x"
    bidirectional: bool = False
    padding: bool = False
    starts: bool = False
    mask: bool = False
    skip_scale: float = 1.3
    dtype: torch.dtype = torch.float64

    def tensors(self) -> list[Tensor | None]:
        torch.manual_seed(0)
        size = (self.batch, self.length)
        wide = torch.promote_types(self.dtype, torch.float32)

        def draw(*shape: int, dtype: torch.dtype = wide) -> Tensor:
            return torch.randn(*shape, dtype=torch.float64).to(dtype).requires_grad_()

        u = draw(*size, 4 if self.skip == "part" else 3, self.width, dtype=self.dtype)
        skip = draw(*size, self.width, dtype=self.dtype) if self.skip == "x" else None
        numbers = [draw(self.batch, self.width), draw(2, self.width), draw(2, self.width)]
        directions = (2,) if self.bidirectional else ()
        padding = torch.rand(size) < 0.3 if self.padding else None
        starts = torch.rand(*directions, *size) < 0.3 if self.starts else None
        mask = (torch.rand(self.batch, self.width) < 0.7).to(wide) / 0.7 if self.mask else None
        return [u, skip, *numbers, padding, starts, mask]


def results(function: Any, case: Case, tensors: list[Tensor | None]) -> list[Tensor]:
    """Return h, the last c, and every gradient of a sum of both with random weights."""
    if function is recurrence:
        h, c = recurrence(*tensors, skip_scale=case.skip_scale, bidirectional=case.bidirectional)
    else:
        h, c = function(*tensors, case.skip_scale, case.bidirectional)
    generator = torch.Generator().manual_seed(1)
    by = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.dtype) for t in (h, c)]
    leaves = [t for t in tensors[:5] if t is not None]
    return [h.detach(), c.detach(), *torch.autograd.grad((h, c), leaves, by)]


def in_float64(tensors: list[Tensor | None]) -> list[Tensor | None]:
    return [
        t.detach().double().requires_grad_() if t is not None and t.is_floating_point() else t
        for t in tensors
    ]
