"""Norms of the stream and of queries and keys."""

import torch
from torch import Tensor, nn

from synthcli.model_config.names import NormName


class RMSNorm(nn.Module):
    """y = w ⊙ x / (‖x‖₂ · d^-½ + ε), ε outside the root  (Zhang & Sennrich 2019, as He & Hofmann use it)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        size = wide.norm(dim=-1, keepdim=True) * wide.shape[-1] ** -0.5
        return (wide * (1 / (size + self.eps)) * self.weight).to(x.dtype)


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
