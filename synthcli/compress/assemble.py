"""Another model out of a model's layers and new ones: what a configuration builds, with the weights by name.

The result is what its own `config.json` would load, never a module put in by hand: layers are numbered anew,
and tensors that do not fit their new place, such as those of a first layer that is no longer the first, are
refused by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthcli.compress.activations.hook_points import check_layer
from synthcli.errors import SynthError
from synthcli.model import ModelConfig, TaskModel, build
from synthcli.model.blocks import Block
from synthcli.model.initialise import initialise
from synthcli.model.mixers import Mixer
from synthcli.model.stack import Stack
from synthcli.model_config.blocks import by_depth
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.parts import StackConfig
from synthcli.training.weights import load_weights, weights_of


@dataclass(frozen=True)
class KeptLayer:
    """A layer of the old model, by its number."""

    layer: int


@dataclass(frozen=True)
class New:
    """A layer that is not of the old model: its mixer, its feed-forward's width, and the whole block."""

    mixer: MixerConfig
    d_ff: int | None
    block: nn.Module


def with_mixers(
    model: nn.Module, config: ModelConfig, mixers: Mapping[int, tuple[MixerConfig, nn.Module]], stack: str
) -> TaskModel:
    """Return a model with other mixers in some layers, in evaluation mode; it shares no memory."""
    table: StackConfig = getattr(config, stack)
    for layer in mixers:
        check_layer(config, layer, stack)
    kinds = {layer: config.mixer_of(table, layer) for layer in range(table.layers)}
    kinds |= {layer: mixer for layer, (mixer, _) in mixers.items()}
    widths = {layer: config.d_ff_of(table, layer) for layer in range(table.layers)}
    new = renumber(config, stack, kinds, widths)
    weights = weights_of(model)
    for layer, (_, module) in mixers.items():
        prefix = f"{stack}.blocks.{layer}.mixer."
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(prefix)}
        weights |= {prefix + name: tensor for name, tensor in weights_of(module).items()}
    norms = tuple(f"{stack}.blocks.{layer}.mixer_norm." for layer in mixers)
    return build_with_weights(new, weights, norms)


def with_layers(
    model: nn.Module, config: ModelConfig, layers: Sequence[KeptLayer | New], stack: str
) -> TaskModel:
    """Return a model whose stack has these layers, in evaluation mode; it shares no memory."""
    table: StackConfig = getattr(config, stack)
    if not layers:
        raise SynthError(f"no layer of the {stack} would be left", "keep one at least")
    kinds, widths = {}, {}
    prefix, old = f"{stack}.blocks.", weights_of(model)
    weights = {name: tensor for name, tensor in old.items() if not name.startswith(prefix)}
    for number, layer in enumerate(layers):
        if isinstance(layer, KeptLayer):
            check_layer(config, layer.layer, stack)
            kinds[number], widths[number] = (
                config.mixer_of(table, layer.layer),
                config.d_ff_of(table, layer.layer),
            )
            own = below(old, f"{prefix}{layer.layer}.")
        else:
            kinds[number], widths[number] = layer.mixer, layer.d_ff
            own = weights_of(layer.block)
        weights |= {f"{prefix}{number}.{name}": tensor for name, tensor in own.items()}
    return build_with_weights(renumber(config, stack, kinds, widths), weights)


def renumber(
    config: ModelConfig, stack: str, mixers: Mapping[int, MixerConfig], widths: Mapping[int, int | None]
) -> ModelConfig:
    """Return the configuration with these layers in a stack; only what differs from the rest is said.

    A gain that follows from the number of layers keeps its value: the layers that stay were trained with it.
    """
    table = config.model_dump()
    usual = getattr(config, stack).mixer or config.mixer
    table[stack] |= {
        "layers": len(mixers),
        "layer_mixers": {n: mixer.model_dump() for n, mixer in mixers.items() if mixer != usual},
        "layer_d_ff": {n: width for n, width in widths.items() if width not in (None, config.d_ff)},
    }
    if table["block"].get("feed_forward_residual") == "depth":
        table["block"]["feed_forward_residual"] = by_depth("depth", getattr(config, stack).layers)
    return ModelConfig.model_validate(table)


def build_with_weights(
    config: ModelConfig, weights: Mapping[str, Tensor], replaced: tuple[str, ...] = ()
) -> TaskModel:
    """Build a model and give it weights by name; no generator notices.

    Below the prefixes `replaced` a tensor that the model has not is left out: the norm before a mixer that
    reads nothing.
    """
    first = next(iter(weights.values()))
    with torch.random.fork_rng(devices=[]):
        model = build(config).to(first.device, first.dtype)
    own = weights_of(model)
    fitting = {n: t for n, t in weights.items() if n in own or not (replaced and n.startswith(replaced))}
    load_weights(model, fitting, "the model put together")
    return model.eval()


def below(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return what stands below a prefix, without it."""
    return {name.removeprefix(prefix): t for name, t in weights.items() if name.startswith(prefix)}


def new_mixer(config: ModelConfig, layer: int, mixer: MixerConfig, stack: str, seed: int = 0) -> Mixer:
    """Return a mixer by chance, as it stands in a layer of a model; no generator notices."""
    return new_block(config, layer, mixer, None, stack, seed).mixer


def new_block(
    config: ModelConfig, layer: int, mixer: MixerConfig, d_ff: int | None, stack: str, seed: int = 0
) -> Block:
    """Return a whole block by chance; without a width the feed-forward is the layer's own."""
    table: StackConfig = getattr(config, stack)
    check_layer(config, layer, stack)
    kinds = {n: config.mixer_of(table, n) for n in range(table.layers)} | {layer: mixer}
    widths = {n: config.d_ff_of(table, n) for n in range(table.layers)}
    widths[layer] = d_ff or widths[layer]
    changed = renumber(config, stack, kinds, widths)
    memory = config.max_source_length if (config.task, stack) == ("seq2seq", "decoder") else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        block = Stack(changed, getattr(changed, stack), memory).blocks[layer]
        initialise(block, config.init)
    return block
