"""Token embeddings and positions."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from synthcli.model.adaptive import AdaptiveEmbedding, Rows
from synthcli.model.context import too_long
from synthcli.model.dropout import Dropout
from synthcli.model_config.embeddings import EmbeddingsConfig


class Embeddings(nn.Module):
    """dropout(norm(√d · E[token] + P[position] + E'[type])); `d_model` is the width of what comes out."""

    def __init__(
        self,
        config: EmbeddingsConfig,
        vocab_size: int,
        d_model: int,
        max_length: int,
        dropout: float,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.config, self.d_model = config, d_model
        self.max_length = config.max_positions or max_length
        self.tokens: nn.Embedding | AdaptiveEmbedding = nn.Embedding(vocab_size, d_model)
        if config.is_adaptive:
            width = config.d_embed or d_model
            self.tokens = AdaptiveEmbedding(vocab_size, d_model, width, config.cutoffs, config.div_val)
        self.positions = nn.Embedding(self.max_length, d_model) if config.positions == "learned" else None
        self.token_types = nn.Embedding(config.token_types, d_model) if config.token_types else None
        is_scaled = config.positions == "scaled-sinusoidal"
        self.position_scale = nn.Parameter(torch.empty(1)) if is_scaled else None
        self.norm = nn.LayerNorm(d_model, norm_eps) if config.norm else None
        self.dropout = Dropout(dropout if config.dropout is None else config.dropout)

    def forward(
        self,
        tokens: Int[Tensor, "batch length"],
        start: int = 0,
        token_types: Int[Tensor, "batch length"] | None = None,
        rows: Rows | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return what enters the stack; `rows` are the tokens' clusters, where they are known already."""
        vectors = self.tokens(tokens) if rows is None else self.tokens(tokens, rows)
        return self.add_positions(vectors, start, token_types)

    def add_positions(
        self,
        x: Float[Tensor, "batch length d_model"],
        start: int = 0,
        token_types: Int[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return what enters the stack, made of vectors as `tokens` gives them."""
        if self.config.scale:
            x = x * math.sqrt(self.d_model)
        x = x + self._positions(start, start + x.shape[1], x)
        if self.token_types is not None:
            types = (
                torch.zeros(1, 1, dtype=torch.long, device=x.device) if token_types is None else token_types
            )
            x = x + self.token_types(types)
        return self.dropout(x if self.norm is None else self.norm(x))

    def _positions(self, start: int, end: int, like: Tensor) -> Tensor | float:
        if self.positions is not None:
            if end > self.max_length:
                raise too_long(end, self.max_length)
            return self.positions(torch.arange(start, end, device=like.device))
        if self.config.positions not in ("sinusoidal", "scaled-sinusoidal"):
            return 0.0
        table = sinusoidal(torch.arange(start, end, device=like.device), self.d_model).to(like.dtype)
        return table if self.position_scale is None else table * self.position_scale.to(like.dtype)


def sinusoidal(positions: Int[Tensor, " length"], d_model: int) -> Float[Tensor, "length d_model"]:
    """sin and cos of position / 10000^{2i/d}, interleaved  (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, d_model, 2, device=positions.device) * (-math.log(10_000.0) / d_model))
    angles = positions[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :d_model]
