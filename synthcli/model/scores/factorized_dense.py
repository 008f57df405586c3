"""Factorized dense synthesizer: A = F_A(x) ∈ R^a, B = F_B(x) ∈ R^b, ab = N, S = tile(A) ⊙ interleave(B)
(Tay et al. 2021, eq. 5–6)."""

import torch
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.model.scores.base import ScoreFunction, ScoreShape
from synthcli.model.scores.dense import HiddenLayer
from synthcli.model_config.scores import DenseConfig, FactorizedDenseConfig


class FactorizedDense(ScoreFunction):
    """Key j = u·a + v scores A_v · B_u: A is tiled, B interleaved, so all ab products are distinct."""

    def __init__(self, config: FactorizedDenseConfig, shape: ScoreShape) -> None:
        super().__init__(config, shape)
        self.a = config.a or largest_divisor_below_root(shape.max_keys)
        if shape.max_keys % self.a:
            raise SynthError(
                f"`a = {self.a}` of factorized-dense does not divide the length {shape.max_keys}",
                f"use a divisor of {shape.max_keys}, or leave `a` out",
            )
        self.b = shape.max_keys // self.a
        layer = DenseConfig(input=config.input, hidden=config.hidden, activation=config.activation)
        self.inputs = HiddenLayer(layer, shape)
        self.weight = nn.Parameter(torch.empty(shape.heads, self.a + self.b, self.inputs.hidden))
        self.bias = nn.Parameter(torch.empty(shape.heads, self.a + self.b))

    def initialise_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.weight.shape[-1] ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        rows = (num_keys + self.a - 1) // self.a  # only as many B as the keys present need
        size = self.a + rows
        both = self.inputs(x, self.weight[:, :size], self.bias[:, :size])
        A, B = both.split((self.a, rows), dim=-1)  # (batch, heads, queries, a), (…, rows)
        return (B[..., :, None] * A[..., None, :]).flatten(-2)[..., :num_keys]


def largest_divisor_below_root(length: int) -> int:
    """Return the largest divisor of `length` that is at most its square root."""
    return next(a for a in range(int(length**0.5), 0, -1) if length % a == 0)
