"""Which keys a query may see."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.scores.alibi import distance_bias

ROW = 16  # what torch's memory-efficient attention wants the rows of a mask to be a multiple of


def visible_keys(
    context: Context, is_causal: bool, queries: int, keys: int, device: torch.device
) -> Bool[Tensor, "batch one queries keys"] | None:
    """Return True where a key may be read; None where every query sees every key.

    Axes of length 1 stand for "the same for all". The query at position p sees keys 0 … p, with a window w
    only p − w … p. Layers that share a context share the mask.
    """
    limits = (context.start, context.window, context.key_padding is None, context.documents is None)
    name = ("visible", *limits, is_causal, queries, keys, device)
    return context.once(name, lambda: _visible_keys(context, is_causal, queries, keys, device))


def additive_mask(visible: Bool[Tensor, "*rest keys"], dtype: torch.dtype) -> Float[Tensor, "*rest keys"]:
    """Return 0 where a key may be read, else -inf, in rows that fused attention takes without a copy."""
    keys = visible.shape[-1]
    padded = -(-keys // ROW) * ROW
    rows = torch.zeros(*visible.shape[:-1], padded, dtype=dtype, device=visible.device)
    return rows[..., :keys].masked_fill_(~visible, -torch.inf)


def visible_distances(
    visible: Bool[Tensor, "*rest keys"] | None,
    heads: int,
    start: int,
    queries: int,
    keys: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Float[Tensor, "batch heads queries keys"]:
    """Return what ALiBi adds to scores where a key may be read, else -inf; rows as of `additive_mask`."""
    bias = distance_bias(heads, start, queries, -(-keys // ROW) * ROW, dtype, device)[None, ..., :keys]
    if visible is None:
        return bias
    return torch.where(visible, bias, torch.full((), -torch.inf, dtype=dtype, device=device))


def _visible_keys(
    context: Context, is_causal: bool, queries: int, keys: int, device: torch.device
) -> Tensor | None:
    visible: Tensor | None = None
    is_banded = is_causal and context.window is not None and context.window < context.start + queries - 1
    if is_causal and (queries > 1 or is_banded):
        visible = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(context.start)
        if is_banded:
            assert context.window is not None
            visible = visible.triu(context.start - context.window)
        visible = visible[None, None]
    if context.key_padding is not None:
        visible = _both(visible, ~context.key_padding[:, None, None, :])
    if context.documents is not None:
        asking = context.documents[:, context.start : context.start + queries]
        visible = _both(visible, (asking[:, :, None] == context.documents[:, None, :])[:, None])
    return visible


def _both(one: Tensor | None, other: Tensor) -> Tensor:
    return other if one is None else one & other
