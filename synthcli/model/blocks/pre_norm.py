"""Pre-norm block: x ← α x + β mixer(norm x), then cross and feed-forward likewise.

Plain with all gains 1 (Xiong et al. 2020); with gains, equation 1 of He & Hofmann 2023. Where skips start
behind the norms, x ← α norm x + β mixer(norm x).
"""

from dataclasses import replace

from torch import Tensor

from synthcli.model.blocks.base import Block, BlockParts, BlockState, block_norm, cross_norm, mixer_norm
from synthcli.model.context import Context
from synthcli.model.gains import Gains
from synthcli.model_config.blocks import NormsBeforeConfig


class PreNorm(Block):
    """Unless skips start behind them, norms leave the stream itself alone; the stack adds one at its end."""

    def __init__(self, config: NormsBeforeConfig, parts: BlockParts) -> None:
        super().__init__(config, parts)
        self.mixer_norm = mixer_norm(config, parts)
        self.cross_norm = cross_norm(config, parts)
        self.feed_forward_norm = block_norm(config, parts)
        self.gains = Gains(config.trainable_gains, **config.gains(parts.layers))
        self.reads_stream = getattr(config, "values_from", "norm") == "stream"
        self.skips_norm = config.skip_from == "norm"

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        if self.reads_stream:
            context = replace(context, memory=x)
        h = self.mixer_norm(x)
        y, mixer_state = self.mix(h, context, state)
        x = self.gains.add(self.choose_skip(x, h), "mixer_skip", self.dropout(y), "mixer_residual")
        cross_state = None
        if self.cross_norm is not None and cross_context is not None:
            h = self.cross_norm(x)
            y, cross_state = self.read_memory(h, cross_context, state)
            x = self.choose_skip(x, h) + self.dropout(y)
        assert self.feed_forward is not None
        h = self.feed_forward_norm(x)
        y = self.dropout(self.feed_forward(h))
        x = self.gains.add(self.choose_skip(x, h), "feed_forward_skip", y, "feed_forward_residual")
        return x, None if state is None else BlockState(mixer_state, cross_state)

    def choose_skip(self, x: Tensor, normed: Tensor) -> Tensor:
        """Return what a skip hands on: the stream, or its norm."""
        return normed if self.skips_norm else x
