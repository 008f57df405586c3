"""Recurrent block: the mixer is the whole layer, as in SRU and SRU++, whose highway is the skip."""

from torch import Tensor

from synthcli.model.blocks.base import Block, BlockParts, BlockState, cross_norm
from synthcli.model.context import Context
from synthcli.model_config.blocks import RecurrentBlockConfig, SkippingConfig


class RecurrentBlock(Block):
    """y = mixer(x); in the decoder of an encoder-decoder, then y + cross(norm y)."""

    has_final_norm = False
    has_feed_forward = False

    def __init__(self, config: RecurrentBlockConfig, parts: BlockParts) -> None:
        super().__init__(config, parts)
        self.cross_norm = cross_norm(SkippingConfig(), parts)

    def forward(
        self, x: Tensor, context: Context, cross_context: Context | None, state: BlockState | None
    ) -> tuple[Tensor, BlockState | None]:
        x, mixer_state = self.mix(x, context, state)
        cross_state = None
        if self.cross_norm is not None and cross_context is not None:
            y, cross_state = self.read_memory(self.cross_norm(x), cross_context, state)
            x = x + self.dropout(y)
        return x, None if state is None else BlockState(mixer_state, cross_state)
