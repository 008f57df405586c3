"""Post-norm block: norm(x + mixer x), then norm(x + cross x), then norm(x + ff x)  (Vaswani et al. 2017)."""

from typing import Literal

from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.context import Context
from synthcli.model.dropout import Dropout


class PostNormConfig(Config):
    """The norms stand on the stream, after each addition."""

    kind: Literal["post-norm"] = "post-norm"


class PostNorm(Block):
    """The stream leaves every block normalised, so the stack needs no norm at its end."""

    has_final_norm = False

    def __init__(
        self, config: PostNormConfig, parts: BlockParts, d_model: int, norm_eps: float, dropout: float
    ) -> None:
        super().__init__(parts)
        self.mixer_norm = nn.LayerNorm(d_model, norm_eps)
        self.cross_norm = nn.LayerNorm(d_model, norm_eps) if parts.cross is not None else None
        self.feed_forward_norm = nn.LayerNorm(d_model, norm_eps)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        y, mixer_state = self.mix(x, context, state)
        x = self.mixer_norm(x + self.dropout(y))
        cross_state = None
        if self.cross_norm is not None and cross_context is not None:
            y, cross_state = self.read_memory(x, cross_context, state)
            x = self.cross_norm(x + self.dropout(y))
        x = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return x, None if state is None else BlockState(mixer_state, cross_state)
