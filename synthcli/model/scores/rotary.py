"""Rotary positions: pairs of coordinates turn with the position  (Su et al. 2021, arXiv 2104.09864)."""

import torch
from jaxtyping import Float
from torch import Tensor

BASE = 10_000.0


def rotate(
    x: Float[Tensor, "batch heads length d_head"], start: int
) -> Float[Tensor, "batch heads length d_head"]:
    """Turn (x_i, x_{i + d/2}) by position · 10000^{-2i/d}; products depend on distances alone."""
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    rates = BASE ** (-torch.arange(half, dtype=wide, device=x.device) / half)
    positions = torch.arange(start, start + x.shape[2], dtype=wide, device=x.device)
    angles = positions[:, None] * rates
    cos, sin = angles.cos(), angles.sin()
    left, right = x[..., :half].to(wide), x[..., half : 2 * half].to(wide)
    turned = torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1).to(x.dtype)
    return turned if x.shape[-1] % 2 == 0 else torch.cat((turned, x[..., -1:]), dim=-1)
