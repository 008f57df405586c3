"""Pre-norm block: x + mixer(norm x), then x + cross(norm x), then x + ff(norm x)  (Xiong et al. 2020)."""

from dataclasses import replace
from typing import Literal

from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.context import Context
from synthcli.model.dropout import Dropout


class PreNormConfig(Config):
    """`values_from = "stream"` gives keys and values the un-normalised stream, as the original Synthesizer
    repository does; it exists to import its checkpoints."""

    kind: Literal["pre-norm"] = "pre-norm"
    values_from: Literal["norm", "stream"] = "norm"


class PreNorm(Block):
    """The stream is never normalised itself; the stack adds one norm at its end."""

    def __init__(
        self, config: PreNormConfig, parts: BlockParts, d_model: int, norm_eps: float, dropout: float
    ) -> None:
        super().__init__(parts)
        self.config = config
        self.mixer_norm = nn.LayerNorm(d_model, norm_eps)
        if parts.cross is not None:  # a cross-attention that does not read x needs no norm of x
            self.cross_norm = nn.LayerNorm(d_model, norm_eps) if parts.cross.reads_queries else nn.Identity()
        self.feed_forward_norm = nn.LayerNorm(d_model, norm_eps)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        if self.config.values_from == "stream":
            context = replace(context, memory=x)
        y, mixer_state = self.mix(self.mixer_norm(x), context, state)
        x = x + self.dropout(y)
        cross_state = None
        if cross_context is not None:
            y, cross_state = self.read_memory(self.cross_norm(x), cross_context, state)
            x = x + self.dropout(y)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, None if state is None else BlockState(mixer_state, cross_state)
