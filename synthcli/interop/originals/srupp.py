"""Layers of the SRU repository (github.com/asappresearch/sru, branch 3.0.0-dev; Lei 2021).

Its modules are stacks of layers, not language models: each becomes a mixer of ours. It hands h on as it is,
whatever its width, so a layer has no map back to the width of its input. Rows of its last map come column by
column, u0 u1 u2 (and u3) of each together; ours hold all of u0 first. Attention reads a memory that the norm
of a layer did not pass.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthcli.interop.imported import Entry, affine, fitted, part
from synthcli.interop.originals.options import OriginalOptions
from synthcli.model.mixers import MIXERS, SRUConfig, SRUppConfig
from synthcli.model.mixers.base import Site
from synthcli.model.mixers.sru import Recurrent

ONLY = {"use_tanh": "False", "layout": "time,batch,feature"}

# constants that follow from the options
SPARE = re.compile(r"\.scale_x$")


@dataclass(frozen=True)
class Layer:
    """One mixer and where it stands; `site.d_model` is the width of its input."""

    config: SRUConfig | SRUppConfig
    site: Site


@dataclass(frozen=True)
class ImportedLayers:
    """Mixers, their weights under our names, and the original's tensors that none of them uses."""

    layers: tuple[Layer, ...]
    weights: dict[str, Tensor]
    original_names: dict[str, str]
    unused: tuple[str, ...]


def import_sru(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> ImportedLayers:
    """Translate the weights of a plain SRU; `options` are the original's own, as strings."""
    given = OriginalOptions("SRU", options)
    return _imported(given, weights, SRUConfig.model_validate(_shared(given)))


def import_srupp(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> ImportedLayers:
    """Translate the weights of an SRU++; `options` are the original's own, as strings."""
    given = OriginalOptions("SRU++", options)
    has_norm = any(name.endswith("transform_module.layer_norm.weight") for name in weights)
    config = SRUppConfig.model_validate(
        {
            **_shared(given),
            "projection": given.whole("proj_size"),
            "heads": given.whole("num_heads", 1),
            "attention_every": given.whole("attention_every_n_layers", 1),
            "attention_dropout": given.number("attn_dropout", 0.0),
            "inner_norm": has_norm,
            "memory_from": "stream",
        }
    )
    return _imported(given, weights, config)


def build_layers(layers: tuple[Layer, ...]) -> nn.ModuleList:
    """Build the mixers, each handing on its h."""
    built = nn.ModuleList()
    for layer in layers:
        mixer = MIXERS[layer.config.kind](layer.config, layer.site)
        mixer.output = None
        built.append(mixer)
    return built


def _shared(options: OriginalOptions) -> dict[str, object]:
    options.refuse_others(ONLY)
    place = "after" if options.switch("normalize_after") else "before"
    return {
        "hidden": options.whole("hidden_size"),
        "bidirectional": options.switch("bidirectional"),
        "highway_bias": options.number("highway_bias", 0.0),
        "rescale": options.switch("rescale"),
        "weight_c": not options.switch("v1"),
        "skip": options.switch("has_skip_term", True),
        "layer_norm": place if options.switch("layer_norm") else "none",
        "dropout": options.number("dropout", 0.0),
    }


def _imported(
    options: OriginalOptions, weights: Mapping[str, Tensor], config: SRUConfig | SRUppConfig
) -> ImportedLayers:
    layers = tuple(_layers(options, config))
    entries: list[Entry] = []
    with torch.device("meta"):
        mixers = build_layers(layers)
    for number, mixer in enumerate(mixers):
        assert isinstance(mixer, Recurrent)
        entries += _entries(mixer, config, number)
    return ImportedLayers(layers, *fitted(mixers, entries, weights, SPARE))


def _layers(options: OriginalOptions, config: SRUConfig | SRUppConfig) -> list[Layer]:
    count, width = options.whole("num_layers"), options.whole("input_size")
    layers = []
    for number in range(count):
        # tables of scores have no limit here: a layer holds none
        layers.append(Layer(config, Site(width, max_queries=1, max_keys=1, layer=number, layers=count)))
        width = config.width_of_output(width)
    return layers


def _entries(mixer: Recurrent, config: SRUConfig | SRUppConfig, number: int) -> list[Entry]:
    ours, theirs = f"{number}", f"rnn_lst.{number}"
    transform = f"{theirs}.transform_module"

    def two_rows(tensor: Tensor) -> Tensor:
        return tensor.reshape(2, -1)

    def planar(weight: Tensor) -> Tensor:
        """(D · K, in) → (K · D, in)."""
        return weight.unflatten(0, (-1, mixer.blocks)).transpose(0, 1).flatten(0, 1).contiguous()

    entries = [Entry(f"{ours}.{leaf}", f"{theirs}.{leaf}", two_rows) for leaf in ("weight_c", "bias")]
    if mixer.norm is not None:
        entries += affine(f"{ours}.norm", f"{theirs}.layer_norm")
    if isinstance(config, SRUConfig):
        return [*entries, Entry(f"{ours}.expand.weight", f"{transform}.weight", planar)]
    entries.append(Entry(f"{ours}.reduce.weight", f"{transform}.linear1.weight"))
    if config.inner_norm:
        entries += affine(f"{ours}.inner_norm", f"{transform}.layer_norm")
    if not config.has_attention(mixer.site):
        return [*entries, Entry(f"{ours}.expand.weight", f"{transform}.linear2.weight", planar)]
    pair = f"{transform}.linear2.weight"
    return [
        *entries,
        Entry(f"{ours}.attention.scores.0.key.weight", pair, part(0, 2, axis=0)),
        Entry(f"{ours}.attention.value.weight", pair, part(1, 2, axis=0)),
        Entry(f"{ours}.alpha", f"{transform}.alpha"),
        Entry(f"{ours}.expand.weight", f"{transform}.linear3.weight", planar),
    ]
