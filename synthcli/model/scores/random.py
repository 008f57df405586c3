"""Random synthesizer: S = R[:queries, :keys], R ∈ R^{N×N} per head  (Tay et al. 2021, eq. 3–4)."""

import torch
from torch import Tensor, nn

from synthcli.model.parameters import without_decay
from synthcli.model.scores.base import ScoreFunction, ScoreShape
from synthcli.model_config.scores import RandomConfig


class Random(ScoreFunction):
    """One table per head, indexed by absolute position, shared by every sequence."""

    reads_queries = False
    is_shared_by_batch = True

    def __init__(self, config: RandomConfig, shape: ScoreShape) -> None:
        super().__init__(config, shape)
        self.init_std = shape.max_keys**-0.5 if config.init_std is None else config.init_std
        table = torch.empty(shape.heads, shape.max_queries, shape.max_keys)
        self.table = without_decay(nn.Parameter(table, requires_grad=config.trainable))

    def initialise_parameters(self) -> None:
        nn.init.normal_(self.table, std=self.init_std)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        return self.table[:, start : start + x.shape[1], :num_keys]
