"""A stack of blocks and the norm at its end."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.blocks import BLOCKS, Block, BlockParts, BlockState
from synthcli.model.context import Context
from synthcli.model.feed_forward import FeedForward
from synthcli.model.joined_maps import cast_together
from synthcli.model.mixers import MIXERS, Attention, Site
from synthcli.model.module_list import list_of
from synthcli.model_config.model import ModelConfig
from synthcli.model_config.parts import StackConfig

# one launch holds about so many; their gradients leave together, so fewer would let processes add up sooner
CAST_TOGETHER = 4


@dataclass(frozen=True)
class State:
    """What is kept between calls: the number of positions seen and each block's state."""

    position: int
    blocks: tuple[BlockState, ...]


class Stack(nn.Module):
    """`memory_length` is the longest memory that cross-attention reads; None builds no cross-attention."""

    def __init__(self, config: ModelConfig, stack: StackConfig, memory_length: int | None = None) -> None:
        super().__init__()
        self.blocks = list_of(
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
        for first in range(0, len(self.blocks), CAST_TOGETHER):
            group = self.blocks[first : first + CAST_TOGETHER]
            with cast_together(group, x):
                for block in group:
                    past = state and state.blocks[len(states)]
                    x, block_state = block(x, context, cross_context, past)
                    states.append(block_state)
        new_state = None if state is None else State(state.position + x.shape[1], tuple(states))
        return self.norm(x), new_state

    def initial_state(self) -> State:
        """Return the state before the first position."""
        return State(0, tuple(block.initial_state() for block in self.blocks))


def _build_block(config: ModelConfig, stack: StackConfig, layer: int, memory_length: int | None) -> Block:
    mixer, kind = config.mixer_of(stack, layer), BLOCKS[config.block.kind]
    # over streams attention sees the segment before, too
    reach = stack.max_length * (2 if config.is_recurrent else 1)
    width = config.embeddings.width(config.d_model) if layer == 0 else config.d_model
    site = Site(
        d_model=width,
        d_out=config.d_model,
        max_queries=reach,
        max_keys=reach,
        layer=layer,
        layers=stack.layers,
        rotary=config.embeddings.positions == "rotary",
        alibi=config.embeddings.positions == "alibi",
        dropout=config.dropout,
    )
    cross = None
    if memory_length is not None:
        across = Site(config.d_model, stack.max_length, memory_length, layer, stack.layers, is_cross=True)
        cross = Attention(config.cross_attention, across)
    parts = BlockParts(
        mixer=MIXERS[mixer.kind](mixer, site),
        cross=cross,
        feed_forward=_feed_forward(config, config.d_ff_of(stack, layer)) if kind.has_feed_forward else None,
        d_model=config.d_model,
        norm_eps=config.norm_eps,
        dropout=config.dropout,
        layer=layer,
        layers=stack.layers,
    )
    return kind(config.block, parts)


def _feed_forward(config: ModelConfig, d_ff: int | None) -> FeedForward:
    assert d_ff is not None
    dropout = config.dropout if config.feed_forward_dropout is None else config.feed_forward_dropout
    return FeedForward(
        config.d_model,
        d_ff,
        config.activation,
        dropout,
        config.gated,
        config.feed_forward_bias,
        config.negative_slope,
    )
