"""Factorized random synthesizer: S = R_1 R_2ᵀ, R_1, R_2 ∈ R^{N×k}  (Tay et al. 2021, eq. 7)."""

import torch
from torch import Tensor, nn

from synthcli.model.parameters import without_decay
from synthcli.model.scores.base import ScoreFunction, ScoreShape
from synthcli.model_config.scores import FactorizedRandomConfig


class FactorizedRandom(ScoreFunction):
    """2·N·k numbers a head in place of N²."""

    reads_queries = False
    is_shared_by_batch = True

    def __init__(self, config: FactorizedRandomConfig, shape: ScoreShape) -> None:
        super().__init__(config, shape)
        self.left = self._factor(shape.heads, shape.max_queries, config)
        self.right = self._factor(shape.heads, shape.max_keys, config)
        # products of two such factors have the standard deviation 1/√max_keys of the full table
        self.init_std = (shape.max_keys * config.rank) ** -0.25

    @staticmethod
    def _factor(heads: int, length: int, config: FactorizedRandomConfig) -> nn.Parameter:
        empty = torch.empty(heads, length, config.rank)
        return without_decay(nn.Parameter(empty, requires_grad=config.trainable))

    def initialise_parameters(self) -> None:
        nn.init.normal_(self.left, std=self.init_std)
        nn.init.normal_(self.right, std=self.init_std)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        left = self.left[:, start : start + x.shape[1]]
        return torch.einsum("hqr,hkr->hqk", left, self.right[:, :num_keys])
