"""Dense synthesizer: S_i = W_2 σ(W_1 x_i + b_1) + b_2  (Tay et al. 2021, arXiv 2005.00743, eq. 1–2).

Without a hidden layer S_i = W_2 x_i + b_2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.model.activations import ACTIVATIONS
from synthcli.model.scores.base import ScoreFunction, ScoreShape, grouped_linear
from synthcli.model_config.scores import DenseConfig


class Dense(ScoreFunction):
    """Every position writes its own row of scores from itself alone; no pair of tokens is compared."""

    def __init__(self, config: DenseConfig, shape: ScoreShape) -> None:
        super().__init__(config, shape)
        self.inputs = HiddenLayer(config, shape)
        hidden = self.inputs.hidden
        self.weight = nn.Parameter(torch.empty(shape.heads, shape.max_keys, hidden))
        self.bias = nn.Parameter(torch.empty(shape.heads, shape.max_keys))

    def initialise_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.weight.shape[-1] ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        # only the keys present are computed: W_2 is sliced before the product
        return self.inputs(x, self.weight[:, :num_keys], self.bias[:, :num_keys])


class HiddenLayer(nn.Module):
    """σ(W_1 x + b_1), by head or shared by all, and the second map that each score applies to it.

    With `hidden = 0` it has no parameter and hands on x.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, config: DenseConfig, shape: ScoreShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.groups = shape.heads if config.input == "head" else 1
        width = shape.d_model // self.groups
        self.hidden = config.hidden or width
        has_layer = config.hidden != 0
        self.weight = nn.Parameter(torch.empty(self.groups, self.hidden, width)) if has_layer else None
        self.bias = nn.Parameter(torch.empty(self.groups, self.hidden)) if has_layer else None
        self.activation = ACTIVATIONS[config.activation]

    def initialise_parameters(self) -> None:
        if self.weight is not None and self.bias is not None:
            nn.init.normal_(self.weight, std=self.weight.shape[-1] ** -0.5)
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return W_2 σ(W_1 x) (batch, heads, queries, out); W_2 is (heads, out, hidden)."""
        batch, queries, _ = x.shape
        x = x.reshape(batch * queries, self.groups, -1).transpose(0, 1)  # (groups, batch·queries, width)
        hidden = x
        if self.weight is not None and self.bias is not None:
            hidden = self.activation(grouped_linear(x, self.weight, self.bias))
        if self.groups == 1:
            y = F.linear(hidden[0], weight.flatten(0, 1), bias.flatten().to(hidden.dtype))
            return y.view(batch, queries, self.heads, -1).transpose(1, 2)
        return grouped_linear(hidden, weight, bias).view(self.heads, batch, queries, -1).transpose(0, 1)
