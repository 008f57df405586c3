"""Norms of the stream and of queries and keys."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from synthcli.model.autograd import FunctionContext
from synthcli.model.launches import counts_launches, product
from synthcli.model_config.names import NormName


class RMSNorm(nn.Module):
    """y = w ⊙ x / (‖x‖₂ · d^-½ + ε), ε outside the root  (Zhang & Sennrich 2019, as He & Hofmann use it)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if counts_launches(x):
            return joined_rms_norm(x, self.weight, self.eps)
        return rms_norm(x, self.weight, self.eps)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Return the formula of `RMSNorm` as it stands, in float32 at least."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    size = wide.norm(dim=-1, keepdim=True) * wide.shape[-1] ** -0.5
    return (wide * (1 / (size + eps)) * weight).to(x.dtype)


class _NormContext(FunctionContext, Protocol):
    eps: float


class JoinedRMSNorm(torch.autograd.Function):
    """The same in 13 operations of a training step in place of 23; torch's own adds ε inside the root.

    With s = ‖x‖₂ d^-½ + ε and x̂ = x / s:  ∂w = Σ g x̂,  ∂x = g w / s − x̂ ⟨g w, x̂⟩ / (‖x‖₂ d^½)
    """

    @staticmethod
    def forward(ctx: _NormContext, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide, root = torch.promote_types(x.dtype, torch.float32), x.shape[-1] ** 0.5
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        size = torch.rsub(norm, eps, alpha=-1 / root)  # ε + ‖x‖ d^-½ in one
        ctx.save_for_backward(x, weight, norm, size)
        ctx.eps = eps
        return product(x / size, weight, x.dtype)

    @staticmethod
    def backward(ctx: _NormContext, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, norm, size = ctx.saved_tensors
        if torch.is_grad_enabled():  # what is differentiated again is the formula's
            y = rms_norm(x, weight, ctx.eps)
            return *torch.autograd.grad(y, (x, weight), g, create_graph=True), None
        width, unit = x.shape[-1], x / size
        by_unit = g * unit
        share = (by_unit @ weight.to(by_unit.dtype))[..., None]
        # the smallest number keeps a row of zeros from dividing 0 by 0
        share /= torch.rsub(norm, torch.finfo(norm.dtype).tiny, alpha=-(width**0.5))
        by_x = product(g, weight, unit.dtype).div_(size).addcmul_(unit, share, value=-1)
        return by_x.to(x.dtype), by_unit.reshape(-1, width).sum(0).to(weight.dtype), None


joined_rms_norm: Callable[[Tensor, Tensor, float], Tensor] = JoinedRMSNorm.apply


class DynamicTanh(nn.Module):
    """y = w ⊙ tanh(αx) + b, no statistics  (Zhu et al. 2025, arXiv 2503.10622, equation 3)."""

    INITIAL_ALPHA = 0.5

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(self.INITIAL_ALPHA))
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.alpha * x) * self.weight + self.bias


def build_norm(kind: NormName, width: int, eps: float) -> nn.Module:
    """Return a norm of the last axis; `none` is the identity."""
    if kind == "layer":
        return nn.LayerNorm(width, eps)
    if kind == "rms":
        return RMSNorm(width, eps)
    return DynamicTanh(width) if kind == "dyt" else nn.Identity()
