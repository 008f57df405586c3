"""What a block is: how mixers, feed-forward, norms and skips are wired."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from synthcli.model.context import Context


@dataclass(frozen=True)
class BlockParts:
    """The modules a block wires; `cross` is None outside the decoder of an encoder-decoder."""

    mixer: nn.Module
    cross: nn.Module | None
    feed_forward: nn.Module


@dataclass(frozen=True)
class BlockState:
    """What the mixers of one block keep while decoding."""

    mixer: Any
    cross: Any = None


class Block(nn.Module):
    """`forward(x, context, cross_context, state) -> (x, state)`; state None is plain training."""

    has_final_norm: ClassVar[bool] = True

    def __init__(self, parts: BlockParts) -> None:
        super().__init__()
        self.mixer, self.cross, self.feed_forward = parts.mixer, parts.cross, parts.feed_forward

    def mix(self, x: Tensor, context: Context, state: BlockState | None) -> tuple[Tensor, Any]:
        """Run the self-mixer with its part of the state."""
        y, new = self.mixer(x, context, None if state is None else state.mixer)
        return y, new

    def read_memory(self, x: Tensor, context: Context, state: BlockState | None) -> tuple[Tensor, Any]:
        """Run the cross-mixer with its part of the state."""
        assert self.cross is not None
        y, new = self.cross(x, context, None if state is None else state.cross)
        return y, new
