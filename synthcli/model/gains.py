"""Gains of a block: y = α · skip + β · branch  (He & Hofmann 2023, arXiv 2311.01906, equation 1)."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Residual = float | Literal["depth"]
DEPTH_GAIN, DEPTH_LAYERS = 0.1, 18  # β_FF = 0.1 at 18 layers, and O(1/√L)


def by_depth(gain: Residual, layers: int) -> float:
    """Return a gain; "depth" is 0.1 · √(18 / layers)."""
    return DEPTH_GAIN * (DEPTH_LAYERS / layers) ** 0.5 if gain == "depth" else gain


class Gains(nn.Module):
    """Scalars by name; None is a branch that does not exist. Not trainable ones are constants."""

    def __init__(self, trainable: bool, **values: float | None) -> None:
        super().__init__()
        self.values = {name: value for name, value in values.items() if value is not None}
        self.trainable = trainable
        if trainable:
            for name in self.values:
                parameter = nn.Parameter(torch.empty(()))
                parameter.rate_group = "gains"  # type: ignore[attr-defined]
                self.register_parameter(name, parameter)

    def initialise_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, self.values[name])

    def get(self, name: str) -> Tensor | float:
        """Return a gain; one that does not exist is 0."""
        if not self.trainable:
            return self.values.get(name, 0.0)
        return getattr(self, name) if name in self.values else 0.0

    def add(self, skip: Tensor, alpha: str, branch: Tensor, beta: str) -> Tensor:
        """Return α · skip + β · branch."""
        return weighted_sum(skip, self.get(alpha), branch, self.get(beta))


def weighted_sum(x: Tensor, alpha: Tensor | float, y: Tensor, beta: Tensor | float) -> Tensor:
    """Return αx + βy; a constant 0 or 1 costs nothing."""
    if isinstance(alpha, float) and isinstance(beta, float):
        scaled = y if beta == 1 else beta * y
        return scaled if alpha == 0 else torch.add(scaled, x, alpha=alpha)
    if isinstance(alpha, float):
        scaled = scale(y, beta)
        return scaled if alpha == 0 else torch.add(scaled, x, alpha=alpha)
    scaled = y if isinstance(beta, float) and beta == 1 else scale(y, beta)
    return scaled + scale(x, alpha)


def scale(x: Tensor, gain: Tensor | float) -> Tensor:
    """Return gain · x."""
    y: Tensor = Scale.apply(x, gain)  # type: ignore[no-untyped-call]
    return y


class Scale(torch.autograd.Function):
    """gain · x; the gain's gradient is one dot product, where autograd would keep a whole gain' · x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | float) -> Tensor:
        if not isinstance(gain, Tensor):
            gain = torch.tensor(gain, dtype=x.dtype, device=x.device)
        ctx.save_for_backward(x, gain)
        return x * gain

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, gain = ctx.saved_tensors
        dx = (grad * gain).to(x.dtype) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return dx, None
        wide = torch.promote_types(x.dtype, torch.float32)
        dot = torch.dot(grad.reshape(-1).to(wide), x.reshape(-1).to(wide))
        return dx, dot.to(gain.dtype)
