"""What a block is: how mixers, feed-forward, norms and skips are wired."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.context import Context
from synthcli.model.dropout import Dropout
from synthcli.model.feed_forward import FeedForward
from synthcli.model.mixers import Attention, Mixer
from synthcli.model.norms import build_norm
from synthcli.model_config.blocks import NormedConfig, SkippingConfig


@dataclass(frozen=True)
class BlockParts:
    """What a block wires; `cross` is None outside the decoder of an encoder-decoder.

    `mixer` is None in no block, `feed_forward` is where the kind of block has none.
    """

    mixer: Mixer
    cross: Attention | None
    feed_forward: FeedForward | None
    d_model: int
    norm_eps: float
    dropout: float
    layer: int
    layers: int


@dataclass(frozen=True)
class BlockState:
    """What the mixers of one block keep while decoding."""

    mixer: object
    cross: object = None


class Block(nn.Module):
    """A subclass is built as `Block(config, parts)` and defines

    `forward(x, context, cross_context, state) -> (x, state)`; state None is plain training.
    """

    has_final_norm: ClassVar[bool] = True
    has_feed_forward: ClassVar[bool] = True

    def __init__(self, config: Config, parts: BlockParts) -> None:
        super().__init__()
        self.mixer, self.cross = parts.mixer, parts.cross
        self.feed_forward = parts.feed_forward
        self.dropout = Dropout(parts.dropout)

    def initial_state(self) -> BlockState:
        """Return the state before the first position."""
        cross = None if self.cross is None else self.cross.initial_state()
        return BlockState(self.mixer.initial_state(), cross)

    def mix(self, x: Tensor, context: Context, state: BlockState | None) -> tuple[Tensor, object]:
        """Run the self-mixer with its part of the state."""
        y, new = self.mixer(x, context, None if state is None else state.mixer)
        return y, new

    def read_memory(self, x: Tensor, context: Context, state: BlockState | None) -> tuple[Tensor, object]:
        """Run the cross-mixer with its part of the state."""
        assert self.cross is not None
        y, new = self.cross(x, context, None if state is None else state.cross)
        return y, new


def block_norm(config: NormedConfig, parts: BlockParts, is_first_of_block: bool = False) -> nn.Module:
    """Return a norm of the stream; without norms the first of all is a LayerNorm."""
    eps = config.norm_eps or parts.norm_eps
    if config.norm == "none" and is_first_of_block and parts.layer == 0:
        return nn.LayerNorm(parts.d_model, eps)
    return build_norm(config.norm, parts.d_model, eps)


def mixer_norm(config: SkippingConfig, parts: BlockParts) -> nn.Module:
    """Return the norm before a self-mixer; where nothing reads it there is none."""
    if not parts.mixer.reads_input and config.skip_from == "stream":
        return nn.Identity()
    return block_norm(config, parts, is_first_of_block=True)


def cross_norm(config: SkippingConfig, parts: BlockParts) -> nn.Module | None:
    """Return the norm before a cross-mixer; where nothing reads it there is none."""
    if parts.cross is None:
        return None
    is_read = parts.cross.reads_queries or config.skip_from == "norm"
    return block_norm(config, parts) if is_read else nn.Identity()
