"""Rotary positions: pairs of coordinates turn with the position  (Su et al. 2021, arXiv 2104.09864)."""

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.model.context import Once, make_anew

BASE = 10_000.0


def rotate(
    x: Float[Tensor, "batch heads length d_head"], start: int, once: Once = make_anew
) -> Float[Tensor, "batch heads length d_head"]:
    """Turn (x_i, x_{i + d/2}) by position · 10000^{-2i/d}; products depend on distances alone.

    `once` keeps cosines and sines for the other layers of a forward.
    """
    half, length = x.shape[-1] // 2, x.shape[2]
    wide = torch.promote_types(x.dtype, torch.float32)
    table = once(
        ("turns", start, length, half, wide, x.device), lambda: turns(start, length, half, wide, x.device)
    )
    assert table is not None
    cos, sin = table
    left, right = x[..., :half].to(wide), x[..., half : 2 * half].to(wide)
    turned = torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1).to(x.dtype)
    return turned if x.shape[-1] % 2 == 0 else torch.cat((turned, x[..., -1:]), dim=-1)


def turns(
    start: int, length: int, half: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "two length half"]:
    """Return the cosines and the sines of positions from `start` on."""
    rates = BASE ** (-torch.arange(half, dtype=dtype, device=device) / half)
    positions = torch.arange(start, start + length, dtype=dtype, device=device)
    angles = positions[:, None] * rates
    return torch.stack((angles.cos(), angles.sin()))
