"""Shaped attention: (α I + β A − γ C) V, C = A at QKᵀ = 0  (He & Hofmann 2023, section 3; Noci et al. 2023).

C V is the mean over the keys a query sees: no length × length matrix is made for it, or for I.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthcli.model.autograd import FunctionContext
from synthcli.model.context import Context
from synthcli.model.mixers.running import cumulative_sum, mean_of_range, running_sum
from synthcli.model.parameters import in_rate_group, without_decay
from synthcli.model_config.shaping import PARTS, PartName, ShapingConfig


class Shaping(nn.Module):
    """The three gains, one each or one a head."""

    def __init__(self, config: ShapingConfig, heads: int) -> None:
        super().__init__()
        self.config = config
        for name in config.trainable_parts:
            parameter = nn.Parameter(torch.empty(heads if config.per_head else 1))
            self.register_parameter(name, without_decay(in_rate_group(parameter, "gains")))
        self.has_centre = "centre" in config.trainable_parts or config.centre != 0

    def initialise_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, getattr(self.config, name))

    def gain(self, name: PartName, like: Tensor) -> Tensor:
        """Return α, β or γ, (heads or 1, 1)."""
        if name not in self.config.trainable_parts:
            return like.new_full((1, 1), getattr(self.config, name))
        return getattr(self, name)[:, None].to(like.dtype)

    def forward(
        self,
        attended: Float[Tensor, "batch heads queries d_head"],
        values: Float[Tensor, "batch heads keys d_head"],
        context: Context,
        past: Tensor | None,
    ) -> Float[Tensor, "batch queries heads d_head"]:
        """Return α v + β A v − γ mean(v); `past` is the sum and number of the values before the queries."""
        attended, values = attended.transpose(1, 2), values.transpose(1, 2)  # (batch, length, heads, d_head)
        own = values[:, values.shape[1] - attended.shape[1] :]
        gains = [self.gain(name, attended) for name in PARTS]
        if not self.has_centre:
            return gains[0] * own + gains[1] * attended
        if context.causal and context.has_plain_window and past is None and own.shape[1] == values.shape[1]:
            return shaped_causal(attended, own, *gains)
        mean = mean_of_visible(values, attended.shape[1], context, past).to(own.dtype)
        return gains[0] * own + gains[1] * attended - gains[2] * mean


def mean_of_visible(values: Tensor, queries: int, context: Context, past: Tensor | None) -> Tensor:
    """Return the mean of the values each query sees: (batch, queries, heads, d_head)."""
    flat, keys = values.flatten(2), values.shape[1]
    weight = None if context.key_padding is None else ~context.key_padding
    if past is not None and context.documents is None and context.window is None:
        new = None if weight is None else weight[:, keys - queries :]
        sums = running_total(flat[:, keys - queries :], new, past)
        mean = sums[..., :-1] / sums[..., -1:].clamp_min(1)
    else:
        mean = mean_of_range(flat, weight, *visible_range(queries, keys, context, values.device))
    return mean.unflatten(2, values.shape[2:])


def running_total(x: Tensor, weight: Tensor | None, past: Tensor) -> Tensor:
    """Return sums and counts up to each new position, those of `past` (batch, 1, width + 1) included."""
    mass = torch.ones_like(x[..., :1]) if weight is None else weight[..., None].to(x.dtype)
    return cumulative_sum(torch.cat((x * mass, mass), dim=-1).to(past.dtype)) + past


def visible_range(queries: int, keys: int, context: Context, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the first key each query sees and the one after the last, whatever is padding."""
    own = torch.arange(context.start, context.start + queries, device=device)[None]
    start = torch.zeros_like(own)
    end = own + 1 if context.causal else torch.full_like(own, keys)
    if context.causal and context.window is not None:
        start = (own - context.window).clamp_min(0)
    if context.documents is not None:
        mine = context.documents[:, context.start : context.start + queries]
        documents = context.documents.contiguous()
        first = torch.searchsorted(documents, mine.contiguous())
        start = start.expand_as(first).maximum(first)
        last = torch.searchsorted(documents, mine.contiguous(), right=True)
        end = end.expand_as(last).minimum(last)
    return start, end


class ShapedCausal(torch.autograd.Function):
    """α v + β a − γ cumsum(v) / i; only v and a are kept.

    ∂v = α g − γ r with r_j = Σ_{i≥j} g_i / i, ∂a = β g, ∂α = ⟨g, v⟩, ∂β = ⟨g, a⟩, ∂γ = −⟨r, v⟩, by head.
    """

    @staticmethod
    def forward(
        ctx: FunctionContext, a: Tensor, v: Tensor, alpha: Tensor, beta: Tensor, gamma: Tensor
    ) -> Tensor:
        ctx.save_for_backward(a, v, alpha, beta, gamma)
        y = running_sum(v.flatten(2)).mul_(_reciprocals(v)).view(v.shape)
        return y.mul_(-gamma).addcmul_(alpha, v).addcmul_(beta, a).to(a.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionContext, g: Tensor) -> tuple[Tensor | None, ...]:
        a, v, alpha, beta, gamma = ctx.saved_tensors
        g = g.contiguous()
        product = g.flatten(2) * _reciprocals(g)  # also what the products below are written to
        r = running_sum(product, reverse=True).view(g.shape)
        product = product.view(g.shape)
        gains: tuple[Tensor | None, ...] = (None, None, None)
        if any(ctx.needs_input_grad[2:]):
            pairs = ((g, v, alpha), (g, a, beta), (r, v, gamma))
            d_alpha, d_beta, d_gamma = (_by_head(torch.mul(x, y, out=product), gain) for x, y, gain in pairs)
            gains = (d_alpha, d_beta, -d_gamma)
        dv = r.mul_(-gamma).addcmul_(alpha, g).to(v.dtype)
        return (beta * g).to(a.dtype), dv, *gains


shaped_causal: Callable[..., Tensor] = ShapedCausal.apply


def _reciprocals(x: Tensor) -> Tensor:
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.arange(1, x.shape[1] + 1, device=x.device, dtype=wide).reciprocal_()[:, None]


def _by_head(product: Tensor, gain: Tensor) -> Tensor:
    """Sum over batch, length and d_head; over heads too where they share a gain."""
    total = product.flatten(0, 1).flatten(1).sum(0).view(product.shape[2:]).sum(1)
    return (total if len(gain) > 1 else total.sum(0, keepdim=True))[:, None].to(gain.dtype)
