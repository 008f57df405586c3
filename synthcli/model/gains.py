"""Gains of a block: y = α · skip + β · branch  (He & Hofmann 2023, arXiv 2311.01906, equation 1)."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthcli.model.autograd import FunctionContext
from synthcli.model.launches import counts_launches, product
from synthcli.model.parameters import in_rate_group


class Gains(nn.Module):
    """Scalars by name; None is a branch that does not exist. Those not trainable are constants."""

    def __init__(self, trainable: bool | tuple[str, ...], **values: float | None) -> None:
        super().__init__()
        self.values = {name: value for name, value in values.items() if value is not None}
        wanted = tuple(self.values) if trainable is True else trainable or ()
        self.trainable = tuple(name for name in self.values if name in wanted)
        for name in self.trainable:
            self.register_parameter(name, in_rate_group(nn.Parameter(torch.empty(())), "gains"))

    def initialise_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, self.values[name])

    def forward(self, name: str) -> Tensor | float:
        """Return a gain; one that does not exist is 0."""
        return getattr(self, name) if name in self.trainable else self.values.get(name, 0.0)

    def add(self, skip: Tensor, alpha: str, branch: Tensor, beta: str) -> Tensor:
        """Return α · skip + β · branch."""
        return weighted_sum(skip, self(alpha), branch, self(beta))


def weighted_sum(x: Tensor, alpha: Tensor | float, y: Tensor, beta: Tensor | float) -> Tensor:
    """Return αx + βy; a constant 0 or 1 costs nothing."""
    if isinstance(alpha, float) and isinstance(beta, float):
        scaled = y if beta == 1 else beta * y
        return scaled if alpha == 0 else torch.add(scaled, x, alpha=alpha)
    if isinstance(alpha, float) and alpha == 0:
        return scale(y, beta)
    is_plain = isinstance(beta, float) and beta == 1 and not torch.is_grad_enabled()
    if is_plain and isinstance(alpha, Tensor) and alpha.dtype == x.dtype == y.dtype:
        return torch.addcmul(y, x, alpha)
    alpha, beta = (
        gain if isinstance(gain, Tensor) else torch.tensor(gain, dtype=x.dtype, device=x.device)
        for gain in (alpha, beta)
    )
    return differentiable_sum(x, alpha, y, beta)


def plus_scaled(x: Tensor, y: Tensor, beta: Tensor) -> Tensor:
    """Return x + βy, β of one element, in the widest of their types."""
    if not counts_launches(x):
        return x + beta * y
    return joined_plus_scaled(x, y, beta)


def scale(x: Tensor, gain: Tensor | float) -> Tensor:
    """Return gain · x."""
    return differentiable_sum(x, gain, None, None)


class _PlusScaledContext(FunctionContext, Protocol):
    dtype: torch.dtype


class PlusScaled(torch.autograd.Function):
    """x + βy in one operation, and what autocast would cast is cast as it is read and written."""

    @staticmethod
    def forward(ctx: _PlusScaledContext, x: Tensor, y: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(y, beta)
        ctx.dtype, wide = x.dtype, torch.result_type(x, beta)
        return torch.addcmul(x, y, beta, out=torch.empty_like(x, dtype=wide))

    @staticmethod
    def backward(ctx: _PlusScaledContext, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, beta = ctx.saved_tensors
        by_beta = (grad * y).sum().view(beta.shape).to(beta.dtype)
        return grad.to(ctx.dtype), product(grad, beta, y.dtype), by_beta


joined_plus_scaled: Callable[[Tensor, Tensor, Tensor], Tensor] = PlusScaled.apply


class WeightedSum(torch.autograd.Function):
    """αx + βy, or αx; the gradient of a gain is one dot product, without a whole product before it."""

    @staticmethod
    def forward(
        ctx: FunctionContext, x: Tensor, alpha: Tensor, y: Tensor | None, beta: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, alpha, y, beta)
        if y is None or beta is None:
            return x * alpha
        wide = torch.promote_types(x.dtype, y.dtype)
        return (x.to(wide) * alpha).addcmul_(y.to(wide), beta.to(wide))

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionContext, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, alpha, y, beta = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (
            _scale_gradient(grad, alpha, x) if needs[0] else None,
            _dot(grad, x, alpha) if needs[1] else None,
            _scale_gradient(grad, beta, y) if needs[2] else None,
            _dot(grad, y, beta) if needs[3] else None,
        )


differentiable_sum: Callable[[Tensor, Tensor | float, Tensor | None, Tensor | None], Tensor] = (
    WeightedSum.apply
)


def _scale_gradient(grad: Tensor, gain: Tensor, like: Tensor) -> Tensor:
    return (grad * gain).to(like.dtype)


def _dot(grad: Tensor, x: Tensor, gain: Tensor) -> Tensor:
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.dot(grad.reshape(-1).to(wide), x.reshape(-1).to(wide)).to(gain.dtype)
