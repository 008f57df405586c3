"""Attention over what a state remembers and the positions after it."""

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.model.context import Context


def append_memory(
    memory: Float[Tensor, "batch before width"] | None, x: Float[Tensor, "batch length width"]
) -> Float[Tensor, "batch positions width"]:
    """Return what came before and what comes now."""
    return x if memory is None else torch.cat((memory.to(x.dtype), x), dim=1)


def keep_window(
    everything: Float[Tensor, "batch positions width"], context: Context
) -> Float[Tensor, "batch kept width"]:
    """Return the positions that later ones may see: the last `window` of them."""
    surplus = 0 if context.window is None else max(0, everything.shape[1] - context.window)
    return everything[:, surplus:]


def context_within(context: Context, everything: Tensor, length: int) -> Context:
    """Return the context of attention: positions count from the first that is remembered."""
    start = everything.shape[1] - length
    padding = context.key_padding
    if padding is not None:
        padding = padding[:, context.start - start : context.start + length]
    documents = context.documents
    if documents is not None:
        documents = documents[:, context.start - start : context.start + length]
    window = context.window
    if window is not None and window >= everything.shape[1] - 1:
        window = None
    return Context(start, context.causal, padding, everything, documents, window, context.made)
