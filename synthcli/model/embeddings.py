"""Token embeddings and positions."""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.context import too_long
from synthcli.model.dropout import Dropout


class EmbeddingsConfig(Config):
    """`tie`: which of source, target and output matrices are one; `scale`: multiply tokens by √d_model."""

    positions: Literal["learned", "sinusoidal", "none"] = "learned"
    tie: Literal["all", "output", "none"] = "all"
    scale: bool = True


class Embeddings(nn.Module):
    """dropout(√d · E[token] + P[position])."""

    def __init__(
        self, config: EmbeddingsConfig, vocab_size: int, d_model: int, max_length: int, dropout: float
    ) -> None:
        super().__init__()
        self.config, self.d_model, self.max_length = config, d_model, max_length
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(max_length, d_model) if config.positions == "learned" else None
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Int[Tensor, "batch length"], start: int = 0
    ) -> Float[Tensor, "batch length d_model"]:
        x: Tensor = self.tokens(tokens)
        if self.config.scale:
            x = x * math.sqrt(self.d_model)
        return self.dropout(x + self._positions(start, start + tokens.shape[1], x))

    def _positions(self, start: int, end: int, like: Tensor) -> Tensor | float:
        if self.positions is not None:
            if end > self.max_length:
                raise too_long(end, self.max_length)
            return self.positions.weight[start:end]
        if self.config.positions == "sinusoidal":
            return sinusoidal(torch.arange(start, end, device=like.device), self.d_model).to(like.dtype)
        return 0.0


def sinusoidal(positions: Int[Tensor, " length"], d_model: int) -> Float[Tensor, "length d_model"]:
    """sin and cos of position / 10000^{2i/d}, interleaved  (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, d_model, 2, device=positions.device) * (-math.log(10_000.0) / d_model))
    angles = positions[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :d_model]
