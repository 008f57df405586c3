"""The places of a model where activations are read, each with a name.

x → [mixer-in → mixer (scores, context) → mixer-out] → [feed-forward-in → … -hidden → … -out] → layer-out
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

from torch import nn

from synthcli.errors import SynthError, did_you_mean
from synthcli.model import ModelConfig
from synthcli.model.blocks import Block
from synthcli.model.interface import get_config, get_stack
from synthcli.model.mixers import Attention
from synthcli.model_config.parts import StackConfig

Part = Literal[
    "layer-in",
    "mixer-in",
    "scores",
    "context",
    "mixer-out",
    "feed-forward-in",
    "feed-forward-hidden",
    "feed-forward-out",
    "layer-out",
    "logits",
]
PARTS: tuple[Part, ...] = get_args(Part)
ATTENTION = ("scores", "context")  # parts that only attention has


@dataclass(frozen=True, order=True)
class HookPoint:
    """A part of one layer, counted from 0; `logits` stand at the last.

    `mixer-in` is what the mixer receives, the block's norm before it included, and `mixer-out` what it
    returns, before dropout, skip and norm. `context` enters the output projection, heads side by side;
    `scores` are those before mask and softmax; `feed-forward-hidden` enters the second map.
    """

    stack: str
    layer: int
    part: Part

    def __str__(self) -> str:
        return f"{self.stack}.{self.layer}.{self.part}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        stack, _, rest = text.partition(".")
        layer, _, part = rest.partition(".")
        if not layer.isdecimal() or stack not in ("encoder", "decoder"):
            raise SynthError(
                f"`{text}` is no hook point of a model", "a hook point reads like `encoder.3.mixer-out`"
            )
        if part not in PARTS:
            raise SynthError(f"unknown part `{part}` of hook point `{text}`", did_you_mean(part, PARTS))
        return cls(stack, int(layer), part)


def main_stack(config: ModelConfig) -> str:
    """Return the stack that is compressed where none is named."""
    return config.main_stack


def stack_layers(config: ModelConfig, stack: str) -> int:
    """Return the layers of a stack."""
    found: StackConfig | None = getattr(config, stack, None)
    if found is None:
        raise SynthError(f"a `{config.task}` model has no `{stack}`", f"it has `{main_stack(config)}`")
    return found.layers


def logits_hook_point(config: ModelConfig) -> HookPoint:
    """Return the hook point of the logits."""
    stack = main_stack(config)
    return HookPoint(stack, stack_layers(config, stack) - 1, "logits")


def hook_points_of(stack: str, layers: Iterable[int], parts: Sequence[Part]) -> list[HookPoint]:
    """Return hook points of some layers."""
    return [HookPoint(stack, layer, part) for layer in layers for part in parts]


def check_layer(config: ModelConfig, layer: int, stack: str | None = None) -> None:
    """Refuse a layer that is not there."""
    layers = stack_layers(config, stack or main_stack(config))
    if not 0 <= layer < layers:
        message = f"there is no block {layer}: the model has {layers} layers"
        raise SynthError(message, f"blocks count from 0, allowed: 0 to {layers - 1}")


def get_block(model: nn.Module, stack: str, layer: int) -> Block:
    """Return a block of a model."""
    return get_stack(model, stack).blocks[layer]


def check_hook_point(model: nn.Module, point: HookPoint) -> None:
    """Refuse a hook point that the model does not have."""
    config = get_config(model)
    check_layer(config, point.layer, point.stack)
    if point.part == "logits" and point != logits_hook_point(config):
        raise SynthError(f"there is no hook point `{point}`", f"logits are at `{logits_hook_point(config)}`")
    block = get_block(model, point.stack, point.layer)
    if point.part in ATTENTION and not isinstance(block.mixer, Attention):
        kind = config.mixer_of(getattr(config, point.stack), point.layer).kind
        message = f"`{point}` is a hook point of attention, and that mixer is `{kind}`"
        raise SynthError(message, "use `mixer-in` and `mixer-out`, which every mixer has")
    if point.part.startswith("feed-forward") and block.feed_forward is None:
        raise SynthError(
            f"there is no hook point `{point}`: the block has no feed-forward", "use `mixer-out`"
        )


def width_of(model: nn.Module, point: HookPoint) -> int:
    """Return the width of what is read at a hook point; scores have none of their own."""
    check_hook_point(model, point)
    config = get_config(model)
    block = get_block(model, point.stack, point.layer)
    if point.part == "context":
        assert isinstance(block.mixer, Attention)  # others have no such hook point
        return block.mixer.shape.heads * block.mixer.shape.d_head
    if point.part == "feed-forward-hidden":
        assert block.feed_forward is not None  # nor have others such a one
        return block.feed_forward.output.in_features
    if point.part == "scores":
        raise SynthError(f"`{point}` has no fixed width", "read `mixer-in` and compute the scores from it")
    return int(config.vocab_size if point.part == "logits" else config.d_model)
