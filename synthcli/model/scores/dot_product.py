"""Dot-product scores: S = Q Kᵀ / √d_head  (Vaswani et al. 2017, eq. 1)."""

from typing import Literal

import torch
from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.scores.base import ScoreFunction, ScoreShape, split_heads


class DotProductConfig(Config):
    """Queries and keys, each from its own projection."""

    kind: Literal["dot-product"] = "dot-product"


class DotProduct(ScoreFunction):
    """S_ij = q_i · k_j / √d_head, one map per head and sequence."""

    reads_keys = True

    def __init__(self, config: DotProductConfig, shape: ScoreShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.scale: float = shape.d_head**-0.5
        self.query = nn.Linear(shape.d_model, shape.d_model)
        self.key = nn.Linear(shape.d_model, shape.d_model)

    def project_keys(self, source: Tensor) -> Tensor:
        """Return k (batch, heads, keys, d_head), what decoding has to keep."""
        return split_heads(self.key(source), self.heads)

    def project_queries(self, x: Tensor) -> Tensor:
        """Return q (batch, heads, queries, d_head), not yet scaled."""
        return split_heads(self.query(x), self.heads)

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        assert keys is not None
        return torch.einsum("bhqd,bhkd->bhqk", self.project_queries(x) * self.scale, keys)
