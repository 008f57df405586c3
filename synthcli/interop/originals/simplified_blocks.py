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
from synthcli.interop.imported import Entry, Imported, affine, input_major, part, translate, transposed
from synthcli.interop.originals.options import OriginalOptions
from synthcli.interop.originals.simplified_gains import (
    block_entries,
    block_of,
    scalar,
    shaping_entries,
    shaping_of,
)
from synthcli.model import ModelConfig

NORMS = {"none": "none", "rmsnorm": "rms", "layernorm": "layer", "ln": "layer"}
NORM_LEAVES = {"none": (), "rms": (("weight", "scale"),), "layer": (("weight", "weight"), ("bias", "bias"))}
INITS = {"id": "identity", "orth": "orthogonal", "normal": "normal"}
ACTIVATIONS = {"relu": "relu", "leaky_relu": "leaky-relu", "gelu": "gelu", "gelu_new": "gelu-tanh"}

# the original's post-norm stands before its block, and its stack ends in another norm
ONLY = {"name": "gpt2", "norm_position": "pre", "dot_norm_type": "none"}

# frozen biases that are 0, gains that do not act, the second norm that a parallel block never reads
SPARE = re.compile(r"^h\.\d+\.((attn|mlp)\.\w+\.bias|ln_2\.\w+|(attn\.)?\w+_gain|attn\.\w+\.id)$")


def import_simplified_blocks(
    options: Mapping[str, str], weights: Mapping[str, Tensor], fixed: Mapping[str, Tensor]
) -> Imported:
    """Translate a checkpoint; `options` are the original's own, as strings, `fixed` its fixed matrices."""
    given, tensors = OriginalOptions("simplified blocks", options), dict(weights) | dict(fixed)
    given.refuse_others(ONLY)
    if "wte.weight" not in tensors:
        raise SynthError("the checkpoint lacks `wte.weight`", "is it one of the simplified blocks?")
    config = simplified_config(given, tensors)
    entries = [
        Entry("embeddings.tokens.weight", "wte.weight"),
        Entry("embeddings.positions.weight", "wpe.weight"),
        Entry("head.weight", "wte.weight"),
        *affine("decoder.norm", "ln_f"),
    ]
    layers = given.whole("n_layer")
    has_gains = block_of(given, tensors, layers)["trainable_gains"]
    is_shaped = "trainable" not in shaping_of(given, tensors, layers)
    for layer in range(layers):
        entries += _norms(given, layer) + _attention(given, layer, tensors) + _feed_forward(config, layer)
        if has_gains:
            entries += block_entries(given, f"decoder.blocks.{layer}", f"h.{layer}")
        if is_shaped:
            entries += shaping_entries(given, f"decoder.blocks.{layer}.mixer.shaping", f"h.{layer}.attn")
    return translate(config, entries, tensors, SPARE)


def simplified_config(options: OriginalOptions, tensors: Mapping[str, Tensor]) -> ModelConfig:
    """Derive our configuration from the original's options and from which tensors there are."""
    layers, d_model = options.whole("n_layer"), options.whole("n_embd")
    return ModelConfig.model_validate(
        {
            "task": "causal-lm",
            "vocab_size": len(tensors["wte.weight"]),
            "d_model": d_model,
            "d_ff": options.whole("mlp_width_mult", 4) * d_model,
            "feed_forward_bias": _has_bias(tensors, "mlp.c_fc") or _has_bias(tensors, "mlp.c_proj"),
            "dropout": options.number("resid_pdrop"),
            "feed_forward_dropout": 0.0,
            "init": {"kind": "normal", "std": options.number("initializer_range")},
            "block": {"norm": options.one_of("norm_type", NORMS), **block_of(options, tensors, layers)},
            "embeddings": {"tie": "output", "scale": False, "dropout": options.number("embd_pdrop")},
            "mixer": _mixer(options, tensors, layers),
            "decoder": {"layers": layers, "max_length": options.whole("context_length")},
            **_activation(options),
        }
    )


def _activation(options: OriginalOptions) -> dict[str, object]:
    """Return the non-linearity; a leaky one of slope 0 is ReLU."""
    kind, slope = options.one_of("activation_function", ACTIVATIONS), options.number("lrelu_neg_slope", 0.0)
    if kind != "leaky-relu":
        return {"activation": kind}
    return {"activation": kind, "negative_slope": slope} if slope else {"activation": "relu"}


def _mixer(options: OriginalOptions, tensors: Mapping[str, Tensor], layers: int) -> dict[str, object]:
    inner = min(1, layers - 1)  # a layer that is not the first, if there is one
    return {
        "heads": options.whole("n_head"),
        "dropout": options.number("attn_pdrop"),
        "scores": [
            {
                "kind": "dot-product",
                "qk_norm": options.one_of("qk_norm_type", NORMS),
                "zero_query": options.number("query_init_std", 1.0) == 0,
            }
        ],
        "shaping": shaping_of(options, tensors, layers),
        "value": _projection(options, tensors, f"h.{inner}.attn.v_attn"),
        "first_value": _projection(options, tensors, "h.0.attn.v_attn"),
        "output": _projection(options, tensors, f"h.{layers - 1 - inner}.attn.c_proj"),
        "last_output": _projection(options, tensors, f"h.{layers - 1}.attn.c_proj"),
    }


def _projection(options: OriginalOptions, tensors: Mapping[str, Tensor], theirs: str) -> dict[str, object]:
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


def _attention(options: OriginalOptions, layer: int, tensors: Mapping[str, Tensor]) -> list[Entry]:
    ours, theirs = f"decoder.blocks.{layer}.mixer", f"h.{layer}.attn"
    entries: list[Entry] = []
    for index, name in enumerate(("query", "key")):
        score, fused = f"{ours}.scores.0.{name}", f"{theirs}.qk_attn"
        entries += [
            Entry(f"{score}.weight", f"{fused}.weight", part(index, 2, transposed)),
            Entry(f"{score}.bias", f"{fused}.bias", part(index, 2)),
        ]
    for name, leaf in (("value", "v_attn"), ("output", "c_proj")):
        projection = _projection(options, tensors, f"{theirs}.{leaf}")
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
                entries.append(_fixed(f"{ours}.{name}", f"{theirs}.{leaf}", tensors))
    return entries


def _fixed(ours: str, theirs: str, tensors: Mapping[str, Tensor]) -> Entry:
    if f"{theirs}.id" not in tensors:
        hint = "the original leaves it out of its state dict; without it the model cannot be restored"
        raise SynthError(f"the fixed matrix `{theirs}.id` is not given", hint)
    return Entry(f"{ours}.initial", f"{theirs}.id", transposed)


def _feed_forward(config: ModelConfig, layer: int) -> list[Entry]:
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
