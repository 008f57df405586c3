"""Dropout  (Srivastava et al. 2014), with cheap random numbers on a processor.

torch draws one Bernoulli variable at a time there, a twelfth of a training step; we cut four 16-bit
integers out of each 64-bit draw. The rate is rounded to a multiple of 2⁻¹⁶ and the scale follows it.
A compiled graph draws as torch does.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 2**16
BYTES_OF_A_DRAW, BYTES_OF_A_NUMBER = 8, 2


class Dropout(nn.Module):
    """Zero elements at the given rate in training, and scale the others by 1 / (1 − rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.rate if self.training else 0.0)


def dropout(x: Tensor, rate: float) -> Tensor:
    """Zero elements at `rate`, whatever the mode; 0 returns x itself."""
    dropped = round(rate * LEVELS)
    if dropped == 0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, rate)
    kept = random_numbers(x.numel()) >= dropped - LEVELS // 2
    return x * kept.view(x.shape).to(x.dtype).mul_(LEVELS / (LEVELS - dropped))


def random_numbers(count: int) -> Tensor:
    """Return uniform 16-bit integers, signed."""
    draws = -(-count * BYTES_OF_A_NUMBER // BYTES_OF_A_DRAW)
    return torch.empty(draws, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
