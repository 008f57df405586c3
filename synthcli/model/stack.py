"""A stack of blocks and the norm at its end."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.blocks import BLOCKS, Block, BlockParts, BlockState
from synthcli.model.config import ModelConfig, StackConfig
from synthcli.model.context import Context
from synthcli.model.feed_forward import FeedForward
from synthcli.model.mixers import MIXERS
from synthcli.model.mixers.attention import Attention, AttentionState


@dataclass(frozen=True)
class State:
    """What decoding keeps between calls: the number of positions seen and each block's state."""

    position: int
    blocks: tuple[BlockState, ...]


class Stack(nn.Module):
    """`memory_length` is the longest memory that cross-attention reads; None builds no cross-attention."""

    def __init__(self, config: ModelConfig, stack: StackConfig, memory_length: int | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _build_block(config, stack, layer, memory_length) for layer in range(stack.layers)
        )
        needs_norm = BLOCKS[config.block.kind].has_final_norm
        self.norm = nn.LayerNorm(config.d_model, config.norm_eps) if needs_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "batch length d_model"],
        context: Context,
        cross_context: Context | None = None,
        state: State | None = None,
    ) -> tuple[Float[Tensor, "batch length d_model"], State | None]:
        states: list[BlockState] = []
        for layer, block in enumerate(self.blocks):
            x, block_state = block(x, context, cross_context, state and state.blocks[layer])
            states.append(block_state)
        new_state = None if state is None else State(state.position + x.shape[1], tuple(states))
        return self.norm(x), new_state

    def initial_state(self) -> State:
        """Return the state before the first position."""
        return State(0, tuple(BlockState(AttentionState(), AttentionState()) for _ in self.blocks))


def _build_block(config: ModelConfig, stack: StackConfig, layer: int, memory_length: int | None) -> Block:
    mixer = config.mixer_of(stack, layer)
    cross = None
    if memory_length is not None:
        cross = Attention(
            config.cross_attention, config.d_model, stack.max_length, memory_length, is_cross=True
        )
    parts = BlockParts(
        mixer=MIXERS[mixer.kind](mixer, config.d_model, stack.max_length, stack.max_length),
        cross=cross,
        feed_forward=FeedForward(config.d_model, config.d_ff, config.activation, config.dropout),
    )
    block: Block = BLOCKS[config.block.kind](
        config.block, parts, config.d_model, config.norm_eps, config.dropout
    )
    return block
