"""Layers of the SRU repository (github.com/asappresearch/sru, branch 3.0.0-dev; Lei 2021).

Its modules are stacks of layers, not language models: each becomes a mixer of ours. It hands h on as it is,
whatever its width, so a layer has no map back to the width of its input. Rows of its last map come column by
column, u0 u1 u2 (and u3) of each together; ours hold all of u0 first. Attention reads a memory that the norm
of a layer did not pass.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.options import OriginalOptions
from synthcli.importers.refusals import Only
from synthcli.importers.srupp.scale import infer_scales, scale_spares
from synthcli.importers.translate import (
    OPTIONS_OF,
    Entry,
    affine,
    apply_entry,
    explain_refusal,
    fit_entries,
    take_part,
)
from synthcli.model.mixers import MIXERS
from synthcli.model.mixers.base import Site
from synthcli.model.mixers.sru import Recurrent
from synthcli.model_config.recurrent import SRUConfig, SRUppConfig

REFUSALS = (
    Only("use_tanh", ("False",), "our recurrence puts no tanh on c"),
    Only("transform_module", ("None",), "a module of one's own has no formula here"),
)
SIZES = ("input_size", "hidden_size", "num_layers", "proj_size", "projection_size", "num_heads")
# of both kinds; what has no meaning to one is absent from its options
KNOWN = frozenset(
    (
        *SIZES,
        *("dropout", "rnn_dropout", "attn_dropout", "bidirectional", "highway_bias", "layer_norm"),
        *("normalize_after", "attn_layer_norm", "has_skip_term", "rescale", "v1", "weight_c_init"),
        *("attention_every_n_layers", "attention_last_n_layers", "proj_input_to_hidden_first"),
        *("nn_rnn_compatible_return", "amp_recurrence_fp16", "layout"),
        *(rule.option for rule in REFUSALS),
    )
)
HIGHWAY_BIAS = {"SRU": 0.0, "SRU++": -2.0}  # where the options do not say
INPUT = "input_to_hidden.weight"
NO_ATTENTION = -1  # of `attention_last_n_layers`: it does not act


@dataclass(frozen=True)
class PlacedMixer:
    """One mixer and where it stands; `site.d_model` is the width of its input."""

    config: SRUConfig | SRUppConfig
    site: Site


@dataclass(frozen=True)
class TranslatedLayers:
    """Mixers, their weights under our names, and the original's tensors that none of them is made of.

    `input` (D, input_size) is the map before the first layer of `proj_input_to_hidden_first`.
    """

    layers: tuple[PlacedMixer, ...]
    weights: dict[str, Tensor]
    original_names: dict[str, str]
    unused: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    input: Tensor | None = None


def import_sru(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> TranslatedLayers:
    """Translate the weights of a plain SRU; `options` are the original's own, as strings."""
    given = _check_options("SRU", options)
    with explain_refusal(OPTIONS_OF.format("SRU")):
        config = SRUConfig.model_validate(_derive_shared_fields(given))
    return _translate_layers(given, weights, config)


def import_srupp(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> TranslatedLayers:
    """Translate the weights of an SRU++; `options` are the original's own, as strings."""
    given = _check_options("SRU++", options)
    has_norm = any(name.endswith("transform_module.layer_norm.weight") for name in weights)
    with explain_refusal(OPTIONS_OF.format("SRU++")):
        config = SRUppConfig.model_validate(
            {
                **_derive_shared_fields(given),
                "projection": given.whole("proj_size"),
                "heads": given.whole("num_heads", 1),
                **_attention_layers(given),
                "attention_dropout": given.number("attn_dropout", 0.0),
                "inner_norm": has_norm,
                "memory_from": "stream",
            }
        )
    return _translate_layers(given, weights, config)


def build_layers(layers: tuple[PlacedMixer, ...]) -> nn.ModuleList:
    """Build the mixers, each handing on its h."""
    built = nn.ModuleList()
    for layer in layers:
        mixer = MIXERS[layer.config.kind](layer.config, layer.site)
        assert isinstance(mixer, Recurrent)
        mixer.output = None
        built.append(mixer)
    return built


def _check_options(family: str, options: Mapping[str, str]) -> OriginalOptions:
    given = OriginalOptions(family, options)
    given.check(REFUSALS, KNOWN)
    return given


def _derive_shared_fields(options: OriginalOptions) -> dict[str, object]:
    place = "after" if options.switch("normalize_after") else "before"
    return {
        "hidden": options.whole("hidden_size"),
        "bidirectional": options.switch("bidirectional"),
        "highway_bias": options.number("highway_bias", HIGHWAY_BIAS[options.family]),
        "weight_c": not options.switch("v1"),
        "skip": options.switch("has_skip_term", True),
        "layer_norm": place if options.switch("layer_norm") else "none",
        "dropout": options.number("dropout", 0.0),
    }


def _attention_layers(options: OriginalOptions) -> dict[str, object]:
    """Return where attention stands: in every k-th layer, or in the last n."""
    every = options.whole("attention_every_n_layers", 1)
    if options.number("attention_last_n_layers", NO_ATTENTION) == NO_ATTENTION:
        return {"attention_every": every}
    last = options.whole("attention_last_n_layers")
    if every != 1:
        raise SynthError(
            f"`attention_every_n_layers = {every}` and `attention_last_n_layers = {last}` of the SRU++",
            "the original takes one of them: leave the other out",
        )
    return {"attention_last": last}


def _translate_layers(
    options: OriginalOptions, weights: Mapping[str, Tensor], config: SRUConfig | SRUppConfig
) -> TranslatedLayers:
    tensors = dict(weights)
    first = _take_input_map(options, tensors, config)
    layers = _layers(options, tensors, config, first)
    entries: list[Entry] = []
    with torch.device("meta"):
        mixers = build_layers(layers)
    for number, mixer in enumerate(mixers):
        assert isinstance(mixer, Recurrent)
        entries += _entries(mixer, layers[number].config, number)
    return TranslatedLayers(layers, *fit_entries(mixers, entries, tensors, scale_spares(mixers)), first)


def _take_input_map(
    options: OriginalOptions, tensors: dict[str, Tensor], config: SRUConfig | SRUppConfig
) -> Tensor | None:
    """Take the map before the first layer out of the tensors, if the model has one.

    The original has none where the widths are equal, whatever the option says.
    """
    given, width = options.whole("input_size"), config.width_of_output(0)
    has_map = given != width and options.switch("proj_input_to_hidden_first", INPUT in tensors)
    if not has_map:
        return None
    if INPUT not in tensors:
        raise SynthError(f"the weights lack `{INPUT}`", "the file is incomplete or of another model")
    found = apply_entry(Entry("input", INPUT), tensors.pop(INPUT))
    if found.shape != (width, given):
        raise SynthError(
            f"`{INPUT}` gives a tensor of shape {tuple(found.shape)}, the options ask for {(width, given)}",
            "the weights do not belong to these options",
        )
    return found


def _layers(
    options: OriginalOptions,
    tensors: dict[str, Tensor],
    config: SRUConfig | SRUppConfig,
    first: Tensor | None,
) -> tuple[PlacedMixer, ...]:
    count, out = options.whole("num_layers", most=len(tensors)), config.width_of_output(0)
    widths = [out if first is not None else options.whole("input_size"), *[out] * (count - 1)]
    scales = infer_scales(options, tensors, [config.skip and width == out for width in widths])
    layers = []
    for number, (width, scale) in enumerate(zip(widths, scales, strict=True)):
        own = config.model_copy(update={**scale, **_projection_rank(options, tensors, config, number)})
        # tables of scores have no limit here: a layer holds none
        layers.append(PlacedMixer(own, Site(width, max_queries=1, max_keys=1, layer=number, layers=count)))
    return tuple(layers)


def _projection_rank(
    options: OriginalOptions, tensors: Mapping[str, Tensor], config: SRUConfig | SRUppConfig, number: int
) -> dict[str, object]:
    """Return the rank of a plain SRU's map, which `projection_size` makes of two; for each layer its own."""
    name = f"rnn_lst.{number}.transform_module.0.weight"
    if isinstance(config, SRUppConfig):
        return {}
    said = [int(word) for word in re.findall(r"\d{1,9}", options.text("projection_size", "0"))] or [0]
    own = said[number] if number < len(said) else said[0]
    if name not in tensors and not own:
        return {}
    if name not in tensors:
        raise SynthError(f"the weights lack `{name}`", "the file is incomplete or of another model")
    if own not in (0, len(tensors[name])):
        raise SynthError(
            f"`projection_size = {own}` of the SRU, and `{name}` has {len(tensors[name])} rows",
            "the weights do not belong to these options",
        )
    return {"projection": len(tensors[name])}


def _entries(mixer: Recurrent, config: SRUConfig | SRUppConfig, number: int) -> list[Entry]:
    ours, theirs = f"{number}", f"rnn_lst.{number}"
    transform = f"{theirs}.transform_module"

    def two_rows(tensor: Tensor) -> Tensor:
        return tensor.reshape(2, -1)

    def planar(weight: Tensor) -> Tensor:
        """(D · K, in) → (K · D, in)."""
        planes: Tensor = weight.unflatten(0, (-1, mixer.blocks)).transpose(0, 1).flatten(0, 1)
        return planes.contiguous()

    entries = [Entry(f"{ours}.{leaf}", f"{theirs}.{leaf}", two_rows) for leaf in ("weight_c", "bias")]
    if mixer.norm is not None:
        entries += affine(f"{ours}.norm", f"{theirs}.layer_norm")
    if isinstance(config, SRUConfig):
        if config.projection is None:
            return [*entries, Entry(f"{ours}.expand.weight", f"{transform}.weight", planar)]
        return [
            *entries,
            Entry(f"{ours}.reduce.weight", f"{transform}.0.weight"),
            Entry(f"{ours}.expand.weight", f"{transform}.1.weight", planar),
        ]
    entries.append(Entry(f"{ours}.reduce.weight", f"{transform}.linear1.weight"))
    if config.inner_norm:
        entries += affine(f"{ours}.inner_norm", f"{transform}.layer_norm")
    if not config.has_attention(mixer.site.layer, mixer.site.layers):
        return [*entries, Entry(f"{ours}.expand.weight", f"{transform}.linear2.weight", planar)]
    pair = f"{transform}.linear2.weight"
    return [
        *entries,
        Entry(f"{ours}.attention.scores.0.key.weight", pair, take_part(0, 2, axis=0)),
        Entry(f"{ours}.attention.value.weight", pair, take_part(1, 2, axis=0)),
        Entry(f"{ours}.alpha", f"{transform}.alpha"),
        Entry(f"{ours}.expand.weight", f"{transform}.linear3.weight", planar),
    ]
