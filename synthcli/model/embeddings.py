"""Token embeddings and positions."""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.adaptive import AdaptiveEmbedding
from synthcli.model.context import too_long
from synthcli.model.dropout import Dropout


class EmbeddingsConfig(Config):
    """`tie`: which of source, target and output matrices are one; `scale`: multiply tokens by √d_model.

    `rotary` positions turn queries and keys instead. `max_positions` are the rows of a learned table, by
    default the stack's `max_length`. `d_embed`, `cutoffs` and `div_val` make vectors of their own width for
    clusters of words, which the output shares by `tie`, and its projections by `tie_projections`. Maps to and
    from d_model stand on both sides; with `projection = "input"` on the way in alone, where the output is a
    whole matrix; with "none" vectors `d_embed` wide enter the first layer as they are, which SRU can do.
    `norm` and `token_types` are BERT's. `dropout` is the model's where it is left out.
    """

    positions: Literal["learned", "sinusoidal", "scaled-sinusoidal", "rotary", "none"] = "learned"
    tie: Literal["all", "output", "none"] = "all"
    scale: bool = True
    d_embed: int | None = Field(None, gt=0)
    cutoffs: tuple[int, ...] = ()
    div_val: int = Field(1, gt=0)
    tie_projections: bool = True
    projection: Literal["both", "input", "none"] = "both"
    norm: bool = False
    token_types: int = Field(0, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    max_positions: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _cutoffs_rise(self) -> "EmbeddingsConfig":
        if list(self.cutoffs) != sorted(set(self.cutoffs)) or any(cut <= 0 for cut in self.cutoffs):
            raise ValueError(f"`cutoffs` = {list(self.cutoffs)} must rise from above 0")
        return self

    @property
    def is_adaptive(self) -> bool:
        """Whether words have vectors of another width than the model's."""
        return bool(self.cutoffs) or (self.d_embed is not None and self.projection != "none")

    @property
    def has_adaptive_head(self) -> bool:
        """Whether the output, too, is made of vectors of another width."""
        return self.is_adaptive and self.projection == "both"

    def width(self, d_model: int) -> int:
        """Return the width of what enters the first layer."""
        return d_model if self.projection != "none" else self.d_embed or d_model


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
        self.tokens: nn.Module = nn.Embedding(vocab_size, d_model)
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
    ) -> Float[Tensor, "batch length d_model"]:
        x: Tensor = self.tokens(tokens)
        if self.config.scale:
            x = x * math.sqrt(self.d_model)
        x = x + self._positions(start, start + tokens.shape[1], x)
        if self.token_types is not None:
            x = x + (self.token_types.weight[0] if token_types is None else self.token_types(token_types))
        return self.dropout(x if self.norm is None else self.norm(x))

    def _positions(self, start: int, end: int, like: Tensor) -> Tensor | float:
        if self.positions is not None:
            if end > self.max_length:
                raise too_long(end, self.max_length)
            return self.positions.weight[start:end]
        if self.config.positions not in ("sinusoidal", "scaled-sinusoidal"):
            return 0.0
        table = sinusoidal(torch.arange(start, end, device=like.device), self.d_model).to(like.dtype)
        return table if self.position_scale is None else table * self.position_scale.to(like.dtype)


def sinusoidal(positions: Int[Tensor, " length"], d_model: int) -> Float[Tensor, "length d_model"]:
    """sin and cos of position / 10000^{2i/d}, interleaved  (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, d_model, 2, device=positions.device) * (-math.log(10_000.0) / d_model))
    angles = positions[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :d_model]
