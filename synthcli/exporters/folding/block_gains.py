"""Gains of blocks: a residual's β becomes a part of the map that ends the branch.

A skip's α stays unless all layers have the same: the next norm's ε stands in the way of scaling the stream.
"""

from torch import Tensor, nn

from synthcli.exporters.folding.layers import Layer, iterate_layers, set_layer_mixers, with_values
from synthcli.model import ModelConfig
from synthcli.model.gains import Gains
from synthcli.model.mixers import Attention, NoMixer
from synthcli.model.mixers.sru import Recurrent
from synthcli.model_config.shaping import PARTS

MIXER, FEED_FORWARD = "mixer_residual", "feed_forward_residual"


def fold_block_gains(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Merge the gains that can be merged in every layer; what remains is constant where it can be."""
    layers = [layer for layer in iterate_layers(config, model) if hasattr(layer.block, "gains")]
    if not layers:
        return config, []
    gains = gains_of(layers[0])
    names = list(gains.values)
    values: dict[str, object] = {}
    if all(_can_scale(layer.block.mixer) for layer in layers) and _are_gains(layers, MIXER):
        config = _scale_mixers(config, layers)
        values[MIXER] = 1.0
    if _are_gains(layers, FEED_FORWARD):
        for layer in layers:
            assert layer.block.feed_forward is not None  # its gain is there
            _scale_linear(layer.block.feed_forward.output, get_gain(layer, FEED_FORWARD))
        values[FEED_FORWARD] = 1.0
    merged = list(values)
    for name in names:
        if name not in values and (same := _same_everywhere(layers, name)) is not None:
            values[name] = same
    learnt = tuple(name for name in gains.trainable if name not in values)
    if not merged and len(learnt) == len(gains.trainable):
        return config, []
    lines = [f"gains {', '.join(merged)} are part of the maps before them"] if merged else []
    if learnt:
        lines.append(f"gains {', '.join(learnt)} stay: the norm after them would not compute the same")
    return with_values(config, block={**values, "trainable_gains": learnt or False}), lines


def gains_of(layer: Layer) -> Gains:
    """Return the gains of a block that has some."""
    gains = layer.block.gains
    assert isinstance(gains, Gains)
    return gains


def get_gain(layer: Layer, name: str) -> Tensor | float:
    """Return α or β of a block."""
    return gains_of(layer).forward(name)


def _are_gains(layers: list[Layer], name: str) -> bool:
    """Return whether a gain is there and does anything: it learns, or is not 1."""
    first = gains_of(layers[0])
    return name in first.values and (name in first.trainable or first.values[name] != 1)


def _same_everywhere(layers: list[Layer], name: str) -> float | None:
    """Return a gain's value where it is that of every layer."""
    found = {float(get_gain(layer, name)) for layer in layers}
    return found.pop() if len(found) == 1 else None


def _can_scale(mixer: nn.Module) -> bool:
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
        changes = _scale_mixer(layer.block.mixer, get_gain(layer, MIXER))
        if changes:
            mixers[layer.place] = layer.config.model_copy(update=changes)
    return set_layer_mixers(config, mixers)


def _scale_mixer(mixer: nn.Module, factor: Tensor | float) -> dict[str, object]:
    """Scale one mixer in place; return what changes in its configuration."""
    if isinstance(mixer, Attention):
        return _scale_attention(mixer, factor)
    if isinstance(mixer, NoMixer):
        mixer.bias.mul_(factor)
    elif isinstance(mixer, Recurrent) and mixer.output is None:
        assert mixer.norm is not None  # `_can_scale`
        _scale_linear(mixer.norm, factor)
    else:
        _scale_linear(mixer.get_submodule("output"), factor)
    return {}


def _scale_attention(attention: Attention, factor: Tensor | float) -> dict[str, object]:
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
    scaled: dict[str, float] = {
        name: getattr(config, name) * float(factor) for name in PARTS if name not in config.trainable_parts
    }
    return {"shaping": config.model_copy(update=scaled)} if scaled else {}


def _scale_linear(module: nn.Module, factor: Tensor | float) -> None:
    """Scale the result of an affine map, or of a norm with weights."""
    assert isinstance(module, nn.Linear | nn.LayerNorm)
    module.weight.mul_(factor)
    if module.bias is not None:
        module.bias.mul_(factor)
