"""Dot-product scores: S = Q Kᵀ / √d_head  (Vaswani et al. 2017, eq. 1), with ALiBi less m_h |i − j|."""

import torch
from torch import Tensor, nn

from synthcli.model.context import Once, make_anew
from synthcli.model.joined_maps import NOTHING, Mapped, read_map
from synthcli.model.norms import build_norm
from synthcli.model.scores.alibi import distance_bias
from synthcli.model.scores.base import ScoreFunction, ScoreShape, split_heads
from synthcli.model.scores.rotary import rotate
from synthcli.model_config.scores import DotProductConfig


class DotProduct(ScoreFunction):
    """S_ij = q_i · k_j / √d_head, one map per head and sequence."""

    reads_keys = True

    def __init__(self, config: DotProductConfig, shape: ScoreShape, norm_eps: float = 1e-5) -> None:
        super().__init__(config, shape)
        self.config, self.heads, self.rotary, self.alibi = config, shape.heads, shape.rotary, shape.alibi
        self.scale: float = shape.d_head**-0.5
        width = shape.heads * shape.d_head
        has_query = config.query == "projection"
        self.query = nn.Linear(shape.d_model, width, config.bias) if has_query else nn.Identity()
        self.key = nn.Linear(shape.d_model, width, config.bias)
        self.query_norm = build_norm(config.qk_norm, shape.d_head, norm_eps)
        self.key_norm = build_norm(config.qk_norm, shape.d_head, norm_eps)

    @property
    def is_plain(self) -> bool:
        """Whether fused attention computes it: nothing comes between product and softmax."""
        return self.config.soft_cap is None

    def initialise_parameters(self) -> None:
        if self.config.zero_query and isinstance(self.query, nn.Linear):
            nn.init.zeros_(self.query.weight)

    def project_keys(
        self, source: Tensor, start: int = 0, done: Mapped = NOTHING, once: Once = make_anew
    ) -> Tensor:
        """Return k (batch, heads, keys, d_head), what decoding has to keep."""
        key = self.key_norm(split_heads(read_map(self.key, source, done), self.heads))
        return rotate(key, start, once) if self.rotary else key

    def project_queries(
        self, x: Tensor, start: int = 0, done: Mapped = NOTHING, once: Once = make_anew
    ) -> Tensor:
        """Return q (batch, heads, queries, d_head), not yet scaled."""
        query = self.query_norm(split_heads(read_map(self.query, x, done), self.heads))
        return rotate(query, start, once) if self.rotary else query

    def forward(self, x: Tensor, keys: Tensor | None, start: int, num_keys: int) -> Tensor:
        assert keys is not None
        scores = torch.einsum("bhqd,bhkd->bhqk", self.project_queries(x, start) * self.scale, keys)
        cap = self.config.soft_cap
        scores = scores if cap is None else torch.tanh(scores / cap) * cap
        if not self.alibi:
            return scores
        return scores + distance_bias(self.heads, start, x.shape[1], num_keys, scores.dtype, x.device)
