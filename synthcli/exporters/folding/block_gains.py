"""Gains of blocks: a residual's β becomes a part of the map that ends the branch.

A skip's α stays unless all layers have the same: the next norm's ε stands in the way of scaling the stream.
"""

from typing import Any

from torch import Tensor, nn

from synthcli.exporters.folding.layers import Layer, iterate_layers, with_mixers, with_values
from synthcli.model import ModelConfig
from synthcli.model.mixers import Attention, NoMixer
from synthcli.model.mixers.sru import Recurrent
from synthcli.model_config.shaping import PARTS

MIXER, FEED_FORWARD = "mixer_residual", "feed_forward_residual"


def fold_block_gains(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Merge the gains that can be merged in every layer; what remains is constant where it can be."""
    layers = [layer for layer in iterate_layers(config, model) if hasattr(layer.block, "gains")]
    if not layers:
        return config, []
    names = list(layers[0].block.gains.values)
    values: dict[str, Any] = {}
    if all(_can_scale(layer.block.mixer) for layer in layers) and _are_gains(layers, MIXER):
        config = _scale_mixers(config, layers)
        values[MIXER] = 1.0
    if _are_gains(layers, FEED_FORWARD):
        for layer in layers:
            _scale_linear(layer.block.feed_forward.output, gain(layer, FEED_FORWARD))
        values[FEED_FORWARD] = 1.0
    merged = list(values)
    for name in names:
        if name not in values and (same := _same_everywhere(layers, name)) is not None:
            values[name] = same
    learnt = tuple(name for name in layers[0].block.gains.trainable if name not in values)
    if not merged and len(learnt) == len(layers[0].block.gains.trainable):
        return config, []
    lines = [f"gains {', '.join(merged)} are part of the maps before them"] if merged else []
    if learnt:
        lines.append(f"gains {', '.join(learnt)} stay: the norm after them would not compute the same")
    return with_values(config, block={**values, "trainable_gains": learnt or False}), lines


def gain(layer: Layer, name: str) -> Any:
    return layer.block.gains(name)


def _are_gains(layers: list[Layer], name: str) -> bool:
    """Return whether a gain is there and does anything: it learns, or is not 1."""
    first = layers[0].block.gains
    return name in first.values and (name in first.trainable or first.values[name] != 1)


def _same_everywhere(layers: list[Layer], name: str) -> float | None:
    """Return a gain's value where it is that of every layer."""
    found = {float(gain(layer, name)) for layer in layers}
    return found.pop() if len(found) == 1 else None


def _can_scale(mixer: Any) -> bool:
    """Return whether something in a mixer can take a factor of its result."""
    if isinstance(mixer, Attention):
        ends = (mixer.output, mixer.value)
        return mixer.shaping is not None or any(isinstance(end, nn.Linear) for end in ends)
    if isinstance(mixer, Recurrent):
        return mixer.output is not None or mixer.config.layer_norm == "after"
    return isinstance(mixer, NoMixer) or getattr(mixer, "writes_stream", False)


def _scale_mixers(config: ModelConfig, layers: list[Layer]) -> ModelConfig:
    """Scale the result of every mixer by its gain."""
    mixers = {}
    for layer in layers:
        changes = _scale_mixer(layer.block.mixer, gain(layer, MIXER))
        if changes:
            mixers[layer.place] = layer.config.model_copy(update=changes)
    return with_mixers(config, mixers)


def _scale_mixer(mixer: Any, factor: Any) -> dict[str, Any]:
    """Scale one mixer in place; return what changes in its configuration."""
    if isinstance(mixer, Attention):
        return _scale_attention(mixer, factor)
    if isinstance(mixer, NoMixer):
        mixer.bias.mul_(factor)
    elif mixer.output is not None:
        _scale_linear(mixer.output, factor)
    else:
        _scale_linear(mixer.norm, factor)
    return {}


def _scale_attention(attention: Attention, factor: Any) -> dict[str, Any]:
    """Scale the output projection, else the gains of shaping, else the values."""
    if isinstance(attention.output, nn.Linear):
        _scale_linear(attention.output, factor)
        return {}
    if attention.shaping is None:
        _scale_linear(attention.value, factor)
        return {}
    config = attention.shaping.config
    for parameter in attention.shaping.parameters():
        parameter.mul_(factor)
    scaled: dict[str, Any] = {
        name: getattr(config, name) * float(factor) for name in PARTS if name not in config.trainable_parts
    }
    return {"shaping": config.model_copy(update=scaled)} if scaled else {}


def _scale_linear(module: Any, factor: Tensor | float) -> None:
    """Scale the result of an affine map, or of a norm with weights."""
    module.weight.mul_(factor)
    if module.bias is not None:
        module.bias.mul_(factor)
