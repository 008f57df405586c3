"""How activations (batch, length, d) are spread and aligned. Positions that are not `real` count for nothing.

What has no value, such as a correlation of one sequence, is NaN.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Stream = Float[Tensor, "batch length d_model"]
Real = Bool[Tensor, "batch length"]


def kurtosis(x: Stream, real: Real) -> Tensor:
    """Mean over positions of E_j[x_j⁴] / E_j[x_j²]²: 1 where all sizes are equal, d where one is all.

    Elhage et al. 2023, "Privileged bases in the transformer residual stream".
    """
    squares = x[real].square()
    return (squares.square().mean(-1) / squares.mean(-1).square()).mean()


def kurtosis_of_neurons(x: Stream, real: Real) -> Tensor:
    """E_j[s_j⁴] / E_j[s_j²]², s_j² the mean of x_j² over positions: are the same neurons always large?

    He et al. 2024, arXiv 2405.19279, section 2.
    """
    squares = x[real].square().mean(0)
    return squares.square().mean() / squares.mean().square()


def max_to_median(x: Stream, real: Real) -> Tensor:
    """Mean over positions of max_j |x_j| / median_j |x_j|  (He et al. 2024, section 2)."""
    sizes = x[real].abs().sort(dim=-1).values
    width = sizes.shape[-1]
    median = (sizes[:, (width - 1) // 2] + sizes[:, width // 2]) / 2
    return (sizes[:, -1] / median).mean()


def correlation_of_positions(x: Stream, real: Real) -> Tensor:
    """Mean cosine of two positions of a sequence: 1 is rank collapse (Dong et al. 2021)."""
    return mean_cosine(x, real)


def correlation_of_sequences(x: Stream, real: Real) -> Tensor:
    """Mean cosine of two sequences at the same position: 1 is a stream that no longer tells inputs apart."""
    return mean_cosine(x.transpose(0, 1), real.T)


def mean_cosine(x: Float[Tensor, "groups members d"], real: Bool[Tensor, "groups members"]) -> Tensor:
    """Return the mean cosine of two members of a group, over groups that have two.

    Σ_{i≠j} u_i · u_j = |Σ u_i|² − Σ |u_i|²: no members × members matrix is made.
    """
    unit = F.normalize(x, dim=-1) * real[..., None]
    together = unit.sum(1).square().sum(-1) - unit.square().sum((1, 2))
    count = real.sum(1).to(x.dtype)
    return (together / (count * (count - 1)))[count > 1].mean()


def entropy(logits: Float[Tensor, "#batch heads queries keys"], visible: Tensor, asking: Tensor) -> Tensor:
    """Return the mean entropy of softmax over the visible keys, in nats: 0 looks at one, ln n at n alike.

    `visible` (batch or 1, 1, queries or 1, keys); `asking` (batch, queries) are the queries that count.
    """
    logits = logits.masked_fill(~visible, torch.finfo(logits.dtype).min)
    spread = torch.special.entr(logits.softmax(dim=-1)).sum(-1)  # (batch or 1, heads, queries)
    counts = asking[:, None] & visible.any(-1)  # (batch, 1, queries)
    chosen = counts.expand(-1, spread.shape[1], -1)
    return spread.expand_as(chosen)[chosen].mean()
