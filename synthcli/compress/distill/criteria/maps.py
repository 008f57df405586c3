"""Maps of attention side by side  (batch, heads, queries, keys): real queries and visible keys count."""

import torch
import torch.nn.functional as F
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers.masks import visible_keys


def mask_visible(scores: Tensor, context: Context) -> Tensor:
    """Return True where a real query may read a key, of the shape (batch, 1, queries, keys)."""
    batch, _, queries, keys = scores.shape
    found = visible_keys(context, context.causal, queries, keys, scores.device)
    seen = torch.ones(1, dtype=torch.bool, device=scores.device) if found is None else found
    seen = seen.expand(batch, 1, queries, keys)
    padding = context.key_padding
    return seen if padding is None else seen & ~padding[:, None, :, None]


def map_divergence(teacher: Tensor, student: Tensor, context: Context) -> Tensor:
    """Return Σ_t 1/H Σ_h KL(softmax_k S_t ‖ softmax_k Ŝ_t), over keys, summed over real queries t."""
    seen, wide = mask_visible(teacher, context), torch.promote_types(teacher.dtype, torch.float32)
    floor = torch.finfo(wide).min
    p, q = (F.log_softmax(s.to(wide).masked_fill(~seen, floor), dim=-1) for s in (teacher, student))
    # a query that is padding sees nothing: its row is uniform in both, and counts for 0
    return (p.exp() * (p - q)).masked_fill(~seen, 0).sum() / teacher.shape[1]
