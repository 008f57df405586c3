"""Parallel block: h = norm x, y = β_FF ff(h) + β_SA mixer(h) + α x  (Wang & Komatsuzaki 2021).

In the decoder of an encoder-decoder cross-attention reads the same h and is added as it is.
"""

from torch import Tensor

from synthcli.model.blocks.base import Block, BlockParts, BlockState, block_norm
from synthcli.model.context import Context
from synthcli.model.gains import Gains, weighted_sum
from synthcli.model_config.blocks import WideConfig


class Parallel(Block):
    """Mixer and feed-forward do not wait for each other."""

    def __init__(self, config: WideConfig, parts: BlockParts) -> None:
        super().__init__(config, parts)
        self.norm = block_norm(config, parts, is_first_of_block=True)
        self.gains = Gains(config.trainable_gains, **config.gains(parts.layers))
        self.skips_norm = config.skip_from == "norm"

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        h, cross_state = self.norm(x), None
        y, mixer_state = self.mix(h, context, state)
        assert self.feed_forward is not None
        fed = self.dropout(self.feed_forward(h))
        y = self.gains.add(self.dropout(y), "mixer_residual", fed, "feed_forward_residual")
        y = weighted_sum(h if self.skips_norm else x, self.gains("skip"), y, 1.0)
        if self.cross is not None and cross_context is not None:
            read, cross_state = self.read_memory(h, cross_context, state)
            y = y + self.dropout(read)
        return y, None if state is None else BlockState(mixer_state, cross_state)
