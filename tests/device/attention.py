"""CUDA's fused attention: one operation forward and one backward, whatever a processor makes of it."""

from typing import Any

import torch
from torch import Tensor

ATEN = torch.ops.aten


class Attention(torch.autograd.Function):
    """Fused attention, counted as two operations."""

    @staticmethod
    def forward(ctx: Any, device: Any, query: Any, key: Any, value: Any, mask: Any, options: Any) -> Tensor:
        device.operations.note(ATEN._scaled_dot_product_efficient_attention.default, [query, key, value], [])
        with device.operations.silent(), torch.enable_grad():
            ctx.given = [x.detach().requires_grad_() for x in (query, key, value)]
            ctx.y = torch.nn.functional.scaled_dot_product_attention(*ctx.given, mask, **options)
            ctx.device = device
            return device.take(by_position(ctx.y))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        device = ctx.device
        device.operations.note(ATEN._scaled_dot_product_efficient_attention_backward.default, [gradient], [])
        with device.operations.silent():
            found = map(by_position, torch.autograd.grad(ctx.y, ctx.given, gradient))
            return None, *map(device.take, found), None, None


def by_position(x: Tensor) -> Tensor:
    """Return (batch, heads, length, d_head) as CUDA's kernels write it: a position's heads lie together."""
    return x.detach().transpose(1, 2).clone(memory_format=torch.contiguous_format).transpose(1, 2)
