"""ALiBi: S_ij ← S_ij − m_h |i − j|, with slopes m_h fixed  (Press et al. 2021, arXiv 2108.12409, section 3).

The paper is about decoders; |i − j| in an encoder is ours.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

STEEPEST = 8.0  # m of the last of n heads is 2⁻⁸


def slopes_of(heads: int) -> list[float]:
    """Return m = 2^(−8h/n), h = 1 … n, where n heads are a power of two.

    Else those of the next smaller power, and then every second of the next larger one.
    """
    n = 2 ** int(math.log2(heads))
    powers = [2.0 ** (-STEEPEST * h / n) for h in range(1, n + 1)]
    between = [2.0 ** (-STEEPEST * h / (2 * n)) for h in range(1, 2 * n + 1, 2)]
    return powers + between[: heads - n]


def distance_bias(
    heads: int, start: int, queries: int, keys: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "heads queries keys"]:
    """Return −m_h |i − j| of queries from `start` on and keys from 0 on."""
    own = torch.arange(start, start + queries, device=device)
    distance = (own[:, None] - torch.arange(keys, device=device)).abs()
    wide = torch.promote_types(dtype, torch.float32)
    slopes = torch.tensor(slopes_of(heads), dtype=wide, device=device)
    return (-slopes[:, None, None] * distance).to(dtype)
