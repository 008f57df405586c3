"""Neighbouring layers that become one, and what the teacher makes of a stream on its way through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from synthcli.compress.activations.cache import Readable
from synthcli.compress.activations.hook_points import HookPoint, check_layer, get_block
from synthcli.data.store.ragged import Indices
from synthcli.errors import SynthError
from synthcli.model import ModelConfig
from synthcli.model.blocks import Block
from synthcli.model.blocks.post_norm import PostNorm
from synthcli.model.blocks.pre_norm import PreNorm
from synthcli.model.context import Context


class ActivationSource(Readable, Protocol):
    """A cache of activations, and how long each sequence is."""

    @property
    def lengths(self) -> Indices: ...


@dataclass(frozen=True)
class Span:
    """Layers `first` to `last` of a stack, both included, counted from 0."""

    stack: str
    first: int
    last: int

    def __str__(self) -> str:
        return "+".join(str(layer) for layer in self.layers)

    @property
    def layers(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def source(self) -> HookPoint:
        """Where the merged layer reads."""
        return HookPoint(self.stack, self.first, "layer-in")

    @property
    def target(self) -> HookPoint:
        """What it should write."""
        return HookPoint(self.stack, self.last, "layer-out")

    def blocks(self, model: nn.Module) -> list[Block]:
        return [get_block(model, self.stack, layer) for layer in self.layers]


def span_of(config: ModelConfig, layers: Sequence[int], stack: str) -> Span:
    """Return the span a user named: two neighbours or more."""
    for layer in layers:
        check_layer(config, layer, stack)
    shown = " ".join(str(layer) for layer in layers)
    if len(layers) < 2:
        raise SynthError(f"`{shown}` is one layer, and merging takes two or more", "name its neighbour too")
    if list(layers) != list(range(layers[0], layers[0] + len(layers))):
        hint = f"name layers that follow each other, such as `{layers[0]} {layers[0] + 1}`"
        raise SynthError(f"layers `{shown}` are not neighbours in rising order", hint)
    return Span(stack, layers[0], layers[-1])


def all_pairs(config: ModelConfig, stack: str) -> list[Span]:
    """Return the pairs 0+1, 2+3, …: a last layer without a partner stays as it is."""
    layers = getattr(config, stack).layers
    if layers < 2:
        raise SynthError("a model of one layer has no pair to merge", "use a teacher of two layers or more")
    return [Span(stack, first, first + 1) for first in range(0, layers - 1, 2)]


@dataclass(frozen=True)
class LayerTrace:
    """A layer's states before norms: `middle` = α x + β mixer, `end` = α' a + β' feed-forward."""

    middle: Tensor
    end: Tensor
    output: Tensor


SequentialBlock = PreNorm | PostNorm  # a layer can be solved for: one branch after the other


class Wiring(Protocol):
    """Where a block has its norms."""

    def into_mixer(self, block: SequentialBlock, x: Tensor) -> Tensor: ...

    def after_mixer(self, block: SequentialBlock, middle: Tensor) -> Tensor: ...

    def into_feed_forward(self, block: SequentialBlock, a: Tensor) -> Tensor: ...

    def after_feed_forward(self, block: SequentialBlock, end: Tensor) -> Tensor: ...


class NormsBefore:
    """Pre-norm: each branch reads a norm of the stream."""

    def into_mixer(self, block: SequentialBlock, x: Tensor) -> Tensor:
        return block.mixer_norm(x)

    def after_mixer(self, block: SequentialBlock, middle: Tensor) -> Tensor:
        return middle

    def into_feed_forward(self, block: SequentialBlock, a: Tensor) -> Tensor:
        return block.feed_forward_norm(a)

    def after_feed_forward(self, block: SequentialBlock, end: Tensor) -> Tensor:
        return end


class NormsAfter:
    """Post-norm: the stream itself is normalised after each branch is added."""

    def into_mixer(self, block: SequentialBlock, x: Tensor) -> Tensor:
        return x

    def after_mixer(self, block: SequentialBlock, middle: Tensor) -> Tensor:
        return block.mixer_norm(middle)

    def into_feed_forward(self, block: SequentialBlock, a: Tensor) -> Tensor:
        return a

    def after_feed_forward(self, block: SequentialBlock, end: Tensor) -> Tensor:
        return block.feed_forward_norm(end)


WIRINGS: dict[str, Wiring] = {
    "pre-norm": NormsBefore(),
    "skipless": NormsBefore(),
    "post-norm": NormsAfter(),
}


def wiring_of(config: ModelConfig) -> Wiring:
    """Return where the blocks of a model have their norms."""
    kind, known = config.block.kind, ", ".join(f"`{name}`" for name in WIRINGS)
    problem = None if kind in WIRINGS else f'`block = "{kind}"`'
    if getattr(config.block, "values_from", "norm") == "stream":
        problem = '`block.values_from = "stream"`'
    elif getattr(config.block, "skip_from", "stream") == "norm":
        problem = '`block.skip_from = "norm"`'
    if problem is not None:
        message = (
            f"a merged layer is solved for in plain blocks of kind {known}, and this model has {problem}"
        )
        raise SynthError(message, "use `--init copy-first`, `copy-last`, `mean` or `random`, and train it")
    return WIRINGS[kind]


def as_sequential(block: nn.Module) -> SequentialBlock:
    """Return a block of a kind that has a wiring."""
    assert isinstance(block, SequentialBlock)
    return block


def trace_layer(wiring: Wiring, block: SequentialBlock, x: Tensor, context: Context) -> LayerTrace:
    """Run one block and keep what it computes on the way."""
    assert block.feed_forward is not None
    mixed, _ = block.mixer(wiring.into_mixer(block, x), context)
    middle = block.gains.add(x, "mixer_skip", mixed, "mixer_residual")
    a = wiring.after_mixer(block, middle)
    fed = block.feed_forward(wiring.into_feed_forward(block, a))
    end = block.gains.add(a, "feed_forward_skip", fed, "feed_forward_residual")
    return LayerTrace(middle, end, wiring.after_feed_forward(block, end))
