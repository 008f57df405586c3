"""softmax(S + mask) V in three forms that compute the same function.

`general` is the formula; `fused` and `shared` are what it becomes where S is a plain dot product or
is the same for the whole batch.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from synthcli.model.dropout import dropout


def general(
    logits: Float[Tensor, "#batch heads queries keys"],
    values: Float[Tensor, "batch heads keys d_head"],
    visible: Bool[Tensor, "#batch one #queries keys"] | None,
    rate: float,
) -> Float[Tensor, "batch heads queries d_head"]:
    """The formula as it stands. A query that sees no key gets 0."""
    if visible is not None:
        logits = logits.masked_fill(~visible, torch.finfo(logits.dtype).min)
    y = torch.matmul(_weights(logits, rate).to(values.dtype), values)
    return y if visible is None else y * visible.any(dim=-1, keepdim=True)


def attend_fused(
    query: Float[Tensor, "batch heads queries d_head"],
    key: Float[Tensor, "batch heads keys d_head"],
    values: Float[Tensor, "batch heads keys d_head"],
    visible: Bool[Tensor, "#batch one #queries keys"] | None,
    rate: float,
    is_causal: bool,
) -> Float[Tensor, "batch heads queries d_head"]:
    """Dot products through torch's fused attention; `is_causal` replaces a mask that is only causal."""
    mask = None if is_causal else visible
    return F.scaled_dot_product_attention(query, key, values, mask, rate, is_causal)


def weigh_shared(
    logits: Float[Tensor, "heads queries keys"],
    values: Float[Tensor, "batch heads keys d_head"],
    visible: Bool[Tensor, "queries keys"] | None,
    key_padding: Bool[Tensor, "batch keys"] | None,
    rate: float,
) -> Float[Tensor, "batch heads queries d_head"]:
    """One softmax and one dropout mask serve the batch.

    Padded keys leave after the softmax: with m = 1 at real keys, Σ_j P_ij m_j v_j / Σ_j P_ij m_j is
    the softmax over the real keys.
    """
    if visible is not None:
        logits = logits.masked_fill(~visible, torch.finfo(logits.dtype).min)
    weights = _weights(logits, 0.0)
    if key_padding is None:
        return torch.einsum("hqk,bhkd->bhqd", dropout(weights, rate).to(values.dtype), values)
    real = (~key_padding).to(weights.dtype)
    mass = torch.einsum("hqk,bk->bhq", weights, real)
    mass = mass + (mass == 0)  # a query that sees no key divides 0 by 1
    kept = dropout(weights, rate).to(values.dtype)
    y = torch.einsum("hqk,bhkd->bhqd", kept, values * real[:, None, :, None].to(values.dtype))
    return y / mass[..., None].to(y.dtype)


def attention_map(
    logits: Float[Tensor, "#batch heads queries keys"],
    visible: Bool[Tensor, "#batch one #queries keys"] | None,
) -> Float[Tensor, "#batch heads queries keys"]:
    """What all three weigh the values with, without dropout: rows sum to 1, or to 0 where no key is seen."""
    if visible is None:
        return _weights(logits, 0.0)
    logits = logits.masked_fill(~visible, torch.finfo(logits.dtype).min)
    return _weights(logits, 0.0) * visible.any(dim=-1, keepdim=True)


def _weights(logits: Tensor, rate: float) -> Tensor:
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return dropout(logits.softmax(dim=-1, dtype=wide), rate)
