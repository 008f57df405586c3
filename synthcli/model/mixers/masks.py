"""Which keys a query may see."""

import torch
from jaxtyping import Bool
from torch import Tensor

from synthcli.model.context import Context


def visible_keys(
    context: Context, is_causal: bool, queries: int, keys: int, device: torch.device
) -> Bool[Tensor, "batch one queries keys"] | None:
    """Return True where a key may be read; None where every query sees every key.

    Axes of length 1 stand for "the same for all". The query at position p sees keys 0 … p, with a window w
    only p − w … p.
    """
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
