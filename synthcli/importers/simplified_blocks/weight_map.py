"""Checkpoints of the simplified blocks (github.com/bobby-he/simplified_transformers; He & Hofmann 2023).

A GPT-2 shell around one customisable block. Maps are stored input-major, query and key as one. Gains are
constants of our configuration where the original never trained them and every layer has its option's value,
else parameters; attention gains that do not act become zeros beside one that does. The fixed matrices of the
projections are not in the original's state dict and are given apart.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.options import OriginalOptions
from synthcli.importers.refusals import Only, Word
from synthcli.importers.simplified_blocks.gains import (
    block_entries,
    infer_block,
    infer_shaping,
    make_shaping_entries,
    scalar,
)
from synthcli.importers.simplified_blocks.spares import list_spares
from synthcli.importers.translate import (
    OPTIONS_OF,
    Entry,
    TranslatedModel,
    affine,
    explain_refusal,
    input_major,
    take_part,
    translate_tensors,
    transpose,
)
from synthcli.model import ModelConfig

SOFT_CAP = 30.0  # of `dot_norm_type = tanh`
POSITIONS = {"pre": "stream", "post": "norm"}  # where norms stand → where a skip starts
NORMS = {"none": "none", "rmsnorm": "rms", "layernorm": "layer", "ln": "layer"}
NORM_LEAVES = {"none": (), "rms": (("weight", "scale"),), "layer": (("weight", "weight"), ("bias", "bias"))}
INITS = {"id": "identity", "orth": "orthogonal", "normal": "normal"}
PARTS = ("attn_block", "mlp_block", "attn_mat", "value", "proj")
ACTIVATIONS = {"relu": "relu", "leaky_relu": "leaky-relu", "gelu": "gelu", "gelu_new": "gelu-tanh"}

REFUSALS = (
    Only("name", ("gpt2",), "the shell of its experiments is GPT-2's"),
    Only("norm_position", tuple(POSITIONS), "elsewhere the original has no norm at all, and says nothing"),
    Only("dot_norm_type", ("none", "tanh"), "the original knows two"),
    Only("scale_attn_weights", ("True",), "our scores are divided by √d_head"),
    Only("scale_attn_by_inverse_layer_idx", ("False",), "our scores are not divided by the layer's number"),
    Word("norm_type", tuple(NORMS), "the norms of its blocks"),
    Word("qk_norm_type", tuple(NORMS), "the norms of its queries and keys"),
    Word("val_init_type", tuple(INITS), "what a map of values starts from"),
    Word("proj_init_type", tuple(INITS), "what an output map starts from"),
    Word("activation_function", tuple(ACTIVATIONS), "the non-linearities ours has too"),
)
STRUCTURES = {
    "projections of several kinds": "layers {first} and {layer} differ in `attn.{leaf}`: {one} and {other}",
    "a fixed matrix that is not given": "the fixed matrix `{name}` is not given",
}
KNOWN = frozenset(
    (
        *("n_layer", "n_head", "n_embd", "context_length", "mlp_width_mult", "layer_norm_epsilon"),
        *("resid_pdrop", "attn_pdrop", "embd_pdrop", "initializer_range", "lrelu_neg_slope"),
        *(f"{part}_init_std" for part in ("query", "key", "val_proj", "mlp_proj")),
        *(f"{part}_{kind}_gain" for part in PARTS for kind in ("resid", "skip")),
        *(f"trainable_{part}_gains" for part in (*PARTS, "attn_mat")),
        *("first_layer_value_resid_gain", "last_layer_proj_resid_gain", "centre_attn_gain"),
        *("parallel_layers", "centre_attn", "tie_valproj_init"),
        *(rule.option for rule in REFUSALS),
    )
)


def import_simplified_blocks(
    options: Mapping[str, str], weights: Mapping[str, Tensor], fixed: Mapping[str, Tensor]
) -> TranslatedModel:
    """Translate a checkpoint; `options` are the original's own, as strings, `fixed` its fixed matrices."""
    given, tensors = OriginalOptions("simplified blocks", options), dict(weights) | dict(fixed)
    given.check(REFUSALS, KNOWN)
    if "wte.weight" not in tensors:
        raise SynthError("the checkpoint lacks `wte.weight`", "is it one of the simplified blocks?")
    layers = given.whole("n_layer", most=len(tensors))
    with explain_refusal(OPTIONS_OF.format("simplified blocks")):
        config = _derive_simplified_config(given, tensors)
    entries = [
        Entry("embeddings.tokens.weight", "wte.weight"),
        Entry("embeddings.positions.weight", "wpe.weight"),
        Entry("head.weight", "wte.weight"),
        *affine("decoder.norm", "ln_f"),
    ]
    has_gains = infer_block(given, tensors, layers)["trainable_gains"]
    shaping = getattr(config.mixer, "shaping", None)
    learnt = () if shaping is None else shaping.trainable_parts
    for layer in range(layers):
        entries += (
            _norms(given, layer) + _map_attention(given, layer, tensors) + _map_feed_forward(config, layer)
        )
        if has_gains:
            entries += block_entries(given, f"decoder.blocks.{layer}", f"h.{layer}")
        entries += make_shaping_entries(learnt, f"decoder.blocks.{layer}.mixer.shaping", f"h.{layer}.attn")
    return translate_tensors(config, entries, tensors, list_spares(given, tensors))


def _derive_simplified_config(options: OriginalOptions, tensors: Mapping[str, Tensor]) -> ModelConfig:
    """Derive our configuration from the original's options and from which tensors there are."""
    layers, d_model = options.whole("n_layer"), options.whole("n_embd")
    return ModelConfig.model_validate(
        {
            "task": "causal-lm",
            "vocab_size": len(tensors["wte.weight"]),
            "d_model": d_model,
            "d_ff": _feed_forward_width(options, tensors),
            "feed_forward_bias": _has_bias(tensors, "mlp.c_fc") or _has_bias(tensors, "mlp.c_proj"),
            "dropout": options.number("resid_pdrop"),
            "norm_eps": options.number("layer_norm_epsilon", 1e-5),
            "feed_forward_dropout": 0.0,
            "init": {"kind": "normal", "std": options.number("initializer_range")},
            "block": {
                "norm": options.one_of("norm_type", NORMS),
                "skip_from": options.one_of("norm_position", POSITIONS),
                **infer_block(options, tensors, layers),
            },
            "embeddings": {"tie": "output", "scale": False, "dropout": options.number("embd_pdrop")},
            "mixer": _mixer(options, tensors, layers),
            "decoder": {"layers": layers, "max_length": options.whole("context_length")},
            **_activation(options),
        }
    )


def _feed_forward_width(options: OriginalOptions, tensors: Mapping[str, Tensor]) -> int:
    """Return the width of the feed-forward: that of its map, unless the options say it."""
    first = tensors.get("h.0.mlp.c_fc.weight")
    if options.says("mlp_width_mult") or first is None or first.ndim != 2:
        return int(options.number("mlp_width_mult", 4) * options.whole("n_embd"))
    return first.shape[1]


def _activation(options: OriginalOptions) -> dict[str, object]:
    """Return the non-linearity; a leaky one of slope 0 is ReLU."""
    kind, slope = options.one_of("activation_function", ACTIVATIONS), options.number("lrelu_neg_slope", 0.0)
    if kind != "leaky-relu":
        return {"activation": kind}
    return {"activation": kind, "negative_slope": slope} if slope else {"activation": "relu"}


def _mixer(options: OriginalOptions, tensors: Mapping[str, Tensor], layers: int) -> dict[str, object]:
    inner = min(1, layers - 1)  # a layer that is not the first, if there is one
    for layer in range(layers):
        _check_alike(options, tensors, "v_attn", layer, 0 if layer == 0 else inner)
        _check_alike(options, tensors, "c_proj", layer, layer if layer == layers - 1 else layers - 1 - inner)
    return {
        "heads": options.whole("n_head"),
        "dropout": options.number("attn_pdrop"),
        "scores": [
            {
                "kind": "dot-product",
                "qk_norm": options.one_of("qk_norm_type", NORMS),
                "zero_query": options.number("query_init_std", 1.0) == 0,
                "soft_cap": SOFT_CAP if options.text("dot_norm_type", "none") == "tanh" else None,
            }
        ],
        "shaping": infer_shaping(options, tensors, layers),
        "value": _projection_config(options, tensors, f"h.{inner}.attn.v_attn"),
        "first_value": _projection_config(options, tensors, "h.0.attn.v_attn"),
        "output": _projection_config(options, tensors, f"h.{layers - 1 - inner}.attn.c_proj"),
        "last_output": _projection_config(options, tensors, f"h.{layers - 1}.attn.c_proj"),
    }


def _check_alike(
    options: OriginalOptions, tensors: Mapping[str, Tensor], leaf: str, layer: int, first: int
) -> None:
    """Refuse layers whose projections are of different kinds where ours have one."""
    own, one = (
        str(_projection_config(options, tensors, f"h.{n}.attn.{leaf}")["kind"]) for n in (layer, first)
    )
    if own != one:
        message = STRUCTURES["projections of several kinds"]
        raise SynthError(
            message.format(leaf=leaf, one=one, first=first, other=own, layer=layer),
            "the weights do not belong to one model",
        )


def _projection_config(
    options: OriginalOptions, tensors: Mapping[str, Tensor], theirs: str
) -> dict[str, object]:
    """Return what a projection is: absent, a map, or a fixed matrix with a trained part beside it."""
    if f"{theirs}.weight" not in tensors:
        return {"kind": "identity"}
    leaf = theirs.removeprefix("h.").partition(".")[2]
    init = options.one_of("val_init_type" if leaf == "attn.v_attn" else "proj_init_type", INITS)
    bias = _has_bias(tensors, leaf)
    if f"{theirs}.resid_gain" not in tensors:
        return {"kind": "full", "init": "default" if init == "normal" else init, "bias": bias}
    gains = _residual_gains(options, theirs)
    return {"kind": "residual", "init": init, **gains, "trainable_gains": True, "bias": bias}


def _residual_gains(options: OriginalOptions, theirs: str) -> dict[str, float]:
    """Return the gains a projection started from: first value and last output have options of their own."""
    skips = {"v_attn": "value_skip_gain", "c_proj": "proj_skip_gain"}
    residuals = {"v_attn": "value_resid_gain", "c_proj": "proj_resid_gain"}
    edges = {
        "h.0.attn.v_attn": "first_layer_value_resid_gain",
        f"h.{options.whole('n_layer') - 1}.attn.c_proj": "last_layer_proj_resid_gain",
    }
    leaf = theirs.rpartition(".")[2]
    residual = options.number(residuals[leaf])
    if theirs in edges:
        residual = options.number(edges[theirs], residual)
    return {"skip": options.number(skips[leaf]), "residual": residual}


def _norms(options: OriginalOptions, layer: int) -> list[Entry]:
    ours, kind = f"decoder.blocks.{layer}", options.one_of("norm_type", NORMS)
    if options.switch("parallel_layers"):
        names = {"norm": "ln_1"}
    else:
        names = {"mixer_norm": "ln_1", "feed_forward_norm": "ln_2"}
    entries: list[Entry] = []
    for name, theirs in names.items():
        # without norms the first keeps a LayerNorm
        own = "layer" if kind == "none" and layer == 0 and theirs == "ln_1" else kind
        entries += _norm(f"{ours}.{name}", f"h.{layer}.{theirs}", own)
    kind = options.one_of("qk_norm_type", NORMS)
    for name in ("query", "key"):
        entries += _norm(f"{ours}.mixer.scores.0.{name}_norm", f"h.{layer}.attn.{name[0]}_norm", kind)
    return entries


def _norm(ours: str, theirs: str, kind: str) -> list[Entry]:
    return [Entry(f"{ours}.{leaf}", f"{theirs}.{original}") for leaf, original in NORM_LEAVES[kind]]


def _map_attention(options: OriginalOptions, layer: int, tensors: Mapping[str, Tensor]) -> list[Entry]:
    ours, theirs = f"decoder.blocks.{layer}.mixer", f"h.{layer}.attn"
    entries: list[Entry] = []
    for index, name in enumerate(("query", "key")):
        score, fused = f"{ours}.scores.0.{name}", f"{theirs}.qk_attn"
        entries += [
            Entry(f"{score}.weight", f"{fused}.weight", take_part(index, 2, transpose)),
            Entry(f"{score}.bias", f"{fused}.bias", take_part(index, 2)),
        ]
    for name, leaf in (("value", "v_attn"), ("output", "c_proj")):
        projection = _projection_config(options, tensors, f"{theirs}.{leaf}")
        if projection["kind"] == "identity":
            continue
        both = input_major(f"{ours}.{name}", f"{theirs}.{leaf}")
        entries += both if projection["bias"] else both[:1]
        if projection["kind"] == "residual":
            gains = (("skip", "skip_gain"), ("residual", "resid_gain"))
            entries += [
                Entry(f"{ours}.{name}.{our}", f"{theirs}.{leaf}.{their}", scalar) for our, their in gains
            ]
            if projection["init"] != "identity":
                entries.append(_map_fixed_matrix(f"{ours}.{name}", f"{theirs}.{leaf}", tensors))
    return entries


def _map_fixed_matrix(ours: str, theirs: str, tensors: Mapping[str, Tensor]) -> Entry:
    if f"{theirs}.id" not in tensors:
        hint = "the original leaves it out of its state dict; without it the model cannot be restored"
        message = STRUCTURES["a fixed matrix that is not given"].format(name=f"{theirs}.id")
        raise SynthError(message, hint)
    return Entry(f"{ours}.initial", f"{theirs}.id", transpose)


def _map_feed_forward(config: ModelConfig, layer: int) -> list[Entry]:
    ours, theirs = f"decoder.blocks.{layer}.feed_forward", f"h.{layer}.mlp"
    expand, output = (
        input_major(f"{ours}.expand", f"{theirs}.c_fc"),
        input_major(f"{ours}.output", f"{theirs}.c_proj"),
    )
    return [*expand, *output] if config.feed_forward_bias else [expand[0], output[0]]


def _has_bias(tensors: Mapping[str, Tensor], leaf: str) -> bool:
    """Whether any layer's bias is not 0; the original keeps them all and trains none."""
    found = re.compile(rf"^h\.\d+\.{re.escape(leaf)}\.bias$")
    return any(bool(tensor.any()) for name, tensor in tensors.items() if found.match(name))
