"""Sums and means along a sequence: what centred attention subtracts, without a length × length matrix."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from synthcli.model.ops.scanned import is_exporting

CHUNK = 32  # positions summed by one small triangular product; torch's cumsum takes 4 to 15 times as long


def running_sum(
    x: Float[Tensor, "batch length width"], reverse: bool = False
) -> Float[Tensor, "batch length width"]:
    """Return Σ_{j≤i} x_j, or Σ_{j≥i} x_j in reverse; the sums of float16 and bfloat16 are float32."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    batch, length, width = x.shape
    # the fused forms below are for autograd functions, and count chunks of this very length
    if length == 1 or wide.requires_grad or is_exporting():
        return cumulative_sum(wide.flip(1)).flip(1) if reverse else cumulative_sum(wide)
    short = -length % CHUNK
    chunks = F.pad(wide, (0, 0, 0, short)).view(batch, -1, CHUNK, width)
    triangle = torch.ones(CHUNK, CHUNK, dtype=wide.dtype, device=x.device)
    with torch.autocast(x.device.type, enabled=False):
        sums = torch.matmul(triangle.triu() if reverse else triangle.tril(), chunks)
    totals = sums[:, :, 0] if reverse else sums[:, :, -1]
    upto = cumulative_sum(totals.flip(1)).flip(1) if reverse else cumulative_sum(totals)
    return sums.add_((upto - totals)[:, :, None]).view(batch, -1, width)[:, :length]


def cumulative_sum(x: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch length width"]:
    """Return Σ_{j≤i} x_j: torch's own, but on a GPU asked for one order of sums, which that has not."""
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        return sum_by_products(x)
    return x.cumsum(1)


def sum_by_products(x: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch length width"]:
    """Return Σ_{j≤i} x_j by products with a triangle: within chunks, then of the chunks' totals likewise."""
    batch, length, width = x.shape
    chunks = F.pad(x, (0, 0, 0, -length % CHUNK)).view(batch, -1, CHUNK, width)
    with torch.autocast(x.device.type, enabled=False):
        sums = torch.matmul(torch.ones(CHUNK, CHUNK, dtype=x.dtype, device=x.device).tril(), chunks)
    if length > CHUNK:
        before = F.pad(sum_by_products(sums[:, :, -1]), (0, 0, 1, 0))[:, :-1]
        sums = sums + before[:, :, None]
    return sums.view(batch, -1, width)[:, :length]


def mean_of_range(
    x: Float[Tensor, "batch length width"], weight: Tensor | None, start: Tensor, end: Tensor
) -> Float[Tensor, "batch queries width"]:
    """Return Σ_{start≤j<end} w_j x_j / Σ w_j; of a range without weight, 0.

    `start` and `end` are (batch or 1, queries); `weight` (batch, length) is 1 where None.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mass = torch.ones_like(wide[..., :1]) if weight is None else weight[..., None].to(wide.dtype)
    # (batch, length + 1, width + 1)
    sums = F.pad(cumulative_sum(torch.cat((wide * mass, mass), dim=-1)), (0, 0, 1, 0))
    batch = x.shape[0]
    start, end = (edge.expand(batch, -1)[..., None].expand(-1, -1, sums.shape[-1]) for edge in (start, end))
    total = sums.gather(1, end) - sums.gather(1, start)
    return total[..., :-1] / total[..., -1:].clamp_min(1)
