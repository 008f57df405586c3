"""Lightweight and dynamic convolution  (Wu et al. 2019, arXiv 1901.10430, section 3).

    u = GLU(W_i x)        y_{t,c} = Σ_j softmax(w)_j u_{t+j-left, c}        W_o y

The w of a head, k numbers, are parameters in the lightweight form and W_q u_t in the dynamic one. `left` is
k − 1 in a decoder, else ⌊(k − 1)/2⌋. What lies beyond the ends of a text, or is padding, counts as zero.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from synthcli.model.context import Context
from synthcli.model.dropout import dropout
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.parameters import without_decay
from synthcli.model_config.convolution import (
    ConvolutionConfig,
    DynamicConvolutionConfig,
    LightweightConvolutionConfig,
)


@dataclass(frozen=True)
class ConvolutionState:
    """The last k − 1 u (batch, k − 1, d_model), zeros before the first."""

    inputs: Tensor | None = None


class Convolution(Mixer):
    """A subclass defines `logits(u)`, the w of all heads: (batch or 1, length or 1, heads, k)."""

    writes_stream = True

    def __init__(self, config: ConvolutionConfig, site: Site) -> None:
        super().__init__(config, site)
        self.config: ConvolutionConfig = config
        self.kernel = config.kernel_of(site.layer)
        self.input = nn.Linear(site.d_model, site.d_model * (2 if config.gated else 1))
        self.output = nn.Linear(site.d_model, site.d_model)

    def logits(self, u: Tensor) -> Tensor:
        raise NotImplementedError

    def initial_state(self) -> ConvolutionState:
        return ConvolutionState()

    def forward(
        self,
        x: Float[Tensor, "batch length d_model"],
        context: Context,
        state: ConvolutionState | None = None,
    ) -> tuple[Float[Tensor, "batch length d_model"], ConvolutionState | None]:
        u, length = self.input(x), x.shape[1]
        u = F.glu(u, dim=-1) if self.config.gated else u
        if context.key_padding is not None:
            u = u * ~context.key_padding[:, context.start : context.start + length, None]
        left = self.kernel - 1 if context.causal else (self.kernel - 1) // 2
        past = None if state is None else state.inputs
        right = self.kernel - 1 - left
        before = u.new_zeros(u.shape[0], left, u.shape[2]) if past is None else past
        around = F.pad(torch.cat((before, u), dim=1), (0, 0, 0, right))
        weights = self._weights(u)
        if context.documents is not None:
            own = context.documents[:, context.start : context.start + length]
            weights = weights * self._same_document(own, left, right)
        y = self.output(self._convolve(around, weights))
        return y, None if state is None else ConvolutionState(around[:, length:])

    def _weights(self, u: Tensor) -> Float[Tensor, "#batch #length heads kernel"]:
        logits = self.logits(u)
        wide = torch.promote_types(logits.dtype, torch.float32)
        weights = logits.softmax(dim=-1, dtype=wide)
        return dropout(weights, self.config.dropout if self.training else 0.0).to(u.dtype)

    def _same_document(self, own: Tensor, left: int, right: int) -> Bool[Tensor, "batch length one kernel"]:
        """Return True where a position of a kernel is of the document that the kernel stands in."""
        others = F.pad(own, (left, right), value=-1)
        columns = [own == others[:, j : j + own.shape[1]] for j in range(self.kernel)]
        return torch.stack(columns, dim=-1)[:, :, None]

    def _convolve(
        self,
        around: Float[Tensor, "batch width d_model"],
        weights: Float[Tensor, "#batch #length heads kernel"],
    ) -> Float[Tensor, "batch length d_model"]:
        """Return Σ_j w_j u_{t+j-left}, one position of the kernel after the other: no copy of u for each."""
        length = around.shape[1] - self.kernel + 1
        heads = around.unflatten(2, (self.config.heads, -1))
        first, *further = weights[..., None].unbind(-2)
        y = first * heads[:, :length]
        for j, weight in enumerate(further, start=1):
            y = y + weight * heads[:, j : j + length]
        return y.flatten(2)


class LightweightConvolution(Convolution):
    """heads × k numbers, whatever the width."""

    def __init__(self, config: LightweightConvolutionConfig, site: Site) -> None:
        super().__init__(config, site)
        self.weight = without_decay(nn.Parameter(torch.empty(1, 1, config.heads, self.kernel)))

    def initialise_parameters(self) -> None:
        nn.init.xavier_uniform_(self.weight)

    def logits(self, u: Tensor) -> Tensor:
        return self.weight


class DynamicConvolution(Convolution):
    """Kernels that follow the text, from one position alone: no pair of positions is compared."""

    def __init__(self, config: DynamicConvolutionConfig, site: Site) -> None:
        super().__init__(config, site)
        self.query = nn.Linear(site.d_model, config.heads * self.kernel, bias=False)

    def logits(self, u: Tensor) -> Tensor:
        logits: Tensor = self.query(u)
        return logits.unflatten(-1, (self.config.heads, self.kernel))
