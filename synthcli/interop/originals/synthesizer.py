"""Checkpoints of the Synthesizer repository (github.com/TaraSPande/synthesizer).

Pre-norm blocks whose keys and values are read from the un-normalised stream, learned positions, target
embedding tied to the output.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor

from synthcli.errors import SynthError, did_you_mean
from synthcli.interop.imported import Change, Entry, Imported, translate, unchanged
from synthcli.model import ModelConfig
from synthcli.model.mixers import AttentionConfig
from synthcli.model.scores import SCORES

T = TypeVar("T")

TASK_OF_KIND = {"seq2seq": "seq2seq", "lm": "causal-lm", "classifier": "classification"}

SCORES_OF_MODE: dict[str, list[str]] = {
    "vanilla": ["dot-product"],
    "synth_dense": ["dense"],
    "synth_random": ["random"],
    "hybrid_dense": ["dot-product", "dense"],
    "hybrid_random": ["dot-product", "random"],
}


# queries and keys that no score reads, the cross-attention and its norm that a language model never runs
SPARE = re.compile(r"attn\.W_[qk]\.(weight|bias)$|\.cross_attn\.|\.layers\.\d+\.ln2\.(weight|bias)$")


def import_synthesizer(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> Imported:
    """Translate a Synthesizer checkpoint; `options` are the original's own, as strings."""
    config = synthesizer_config(options, weights)
    entries = [Entry(name, source, _change(name, heads)) for name, source, heads in _names(config)]
    return translate(config, entries, weights, SPARE)


def _change(name: str, heads: int) -> Change:
    """Return what gives a tensor its axis of heads; the one hidden layer of all heads is a group of one."""
    if heads:
        return lambda tensor: tensor.unflatten(0, (heads, -1))
    return (lambda tensor: tensor[None]) if ".inputs." in name else unchanged


def synthesizer_config(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> ModelConfig:
    """Derive our configuration from the original's options and the shapes of its tensors."""
    task = _lookup(TASK_OF_KIND, options["kind"], "kind")
    heads = int(options["n_heads"])

    def mixer(mode: str) -> dict[str, object]:
        scores = [_score(kind, options) for kind in _lookup(SCORES_OF_MODE, mode, "attention mode")]
        return {"heads": heads, "scores": scores, "mix": "gate" if len(scores) > 1 else "sum"}

    def stack(side: str, length: str) -> dict[str, object]:
        mode = options[f"attn_mode_self_{side}"]
        return {
            "layers": int(options[f"n_layers_{side}"]),
            "max_length": int(options[length]),
            "mixer": mixer(mode),
        }

    return ModelConfig.model_validate(
        {
            "task": task,
            "vocab_size": int(options["vocab_size"]),
            "num_classes": weights["classifier.weight"].shape[0] if task == "classification" else None,
            "d_model": int(options["d_model"]),
            "d_ff": int(options["d_ff"]),
            "dropout": float(options["dropout"]),
            "norm_eps": float(options["layer_norm_eps"]),
            "block": {"kind": "pre-norm", "values_from": "stream"},
            "embeddings": {
                "tie": "output" if options["tie_tgt_embeddings"] == "True" else "none",
                "scale": False,
            },
            "mixer": mixer("vanilla"),
            "cross": mixer(options["attn_mode_cross"]) if task == "seq2seq" else None,
            "encoder": None if task == "causal-lm" else stack("enc", "max_src_len"),
            "decoder": None if task == "classification" else stack("dec", "max_tgt_len"),
        }
    )


def _score(kind: str, options: Mapping[str, str]) -> dict[str, object]:
    if kind == "dense":
        return {"kind": kind, "input": "model", "hidden": int(options["synth_hidden"]), "activation": "gelu"}
    if kind == "random":
        return {"kind": kind, "trainable": options["synth_fixed_random"] != "True"}
    return {"kind": kind}


def _names(config: ModelConfig) -> list[tuple[str, str, int]]:
    """Return (our name, the original's name, heads to split the first axis by or 0) of every tensor."""
    task = config.task
    names = [("head.weight", "lm_head.weight", 0)] if task != "classification" else []
    if task == "seq2seq":
        names += _embedding("source_embeddings", "src_tok", "src_pos") + _embedding(
            "embeddings", "tgt_tok", "tgt_pos"
        )
        names += _affine("encoder.norm", "ln_f_enc") + _affine("decoder.norm", "ln_f_dec")
    else:
        side = "decoder" if task == "causal-lm" else "encoder"
        names += _embedding("embeddings", "tok", "pos") + _affine(f"{side}.norm", "ln_f")
    if task == "classification":
        names += _affine("head.output", "classifier")
    for side, stack in (("encoder", config.encoder), ("decoder", config.decoder)):
        for layer in range(stack.layers if stack else 0):
            names += _block(config, side, layer)
    return names


def _block(config: ModelConfig, side: str, layer: int) -> list[tuple[str, str, int]]:
    ours, theirs = f"{side}.blocks.{layer}", f"{side}.layers.{layer}"
    stack = config.encoder if side == "encoder" else config.decoder
    assert stack is not None
    has_cross = side == "decoder" and config.task == "seq2seq"
    # the original numbers its norms in order of use: a decoder owns a cross norm even where it is never used
    last_norm = "ln3" if side == "decoder" else "ln2"
    names = _affine(f"{ours}.mixer_norm", f"{theirs}.ln1")
    mixer = config.mixer_of(stack, layer)
    assert isinstance(mixer, AttentionConfig)
    names += _attention(f"{ours}.mixer", f"{theirs}.self_attn", mixer)
    if has_cross:
        if any(SCORES[score.kind].reads_queries for score in config.cross_attention.scores):
            names += _affine(f"{ours}.cross_norm", f"{theirs}.ln2")
        names += _attention(f"{ours}.cross", f"{theirs}.cross_attn", config.cross_attention)
    names += _affine(f"{ours}.feed_forward_norm", f"{theirs}.{last_norm}")
    names += _affine(f"{ours}.feed_forward.expand", f"{theirs}.ff.net.0")
    return names + _affine(f"{ours}.feed_forward.output", f"{theirs}.ff.net.3")


def _attention(ours: str, theirs: str, mixer: AttentionConfig) -> list[tuple[str, str, int]]:
    names = _affine(f"{ours}.value", f"{theirs}.W_v") + _affine(f"{ours}.output", f"{theirs}.W_o")
    if mixer.mix == "gate":
        names.append((f"{ours}.mixing.gate", f"{theirs}.gate", 0))
    for index, score in enumerate(mixer.scores):
        prefix = f"{ours}.scores.{index}"
        if score.kind == "dot-product":
            names += _affine(f"{prefix}.query", f"{theirs}.W_q") + _affine(f"{prefix}.key", f"{theirs}.W_k")
        elif score.kind == "random":
            names.append((f"{prefix}.table", f"{theirs}.rand_logits", 0))
        else:
            names += _affine(f"{prefix}.inputs", f"{theirs}.synth.0")
            names += [
                (f"{prefix}.{leaf}", f"{theirs}.synth.2.{leaf}", mixer.heads) for leaf in ("weight", "bias")
            ]
    return names


def _embedding(ours: str, tokens: str, positions: str) -> list[tuple[str, str, int]]:
    return [
        (f"{ours}.tokens.weight", f"{tokens}.weight", 0),
        (f"{ours}.positions.weight", f"{positions}.weight.weight", 0),
    ]


def _affine(ours: str, theirs: str) -> list[tuple[str, str, int]]:
    return [(f"{ours}.{leaf}", f"{theirs}.{leaf}", 0) for leaf in ("weight", "bias")]


def _lookup(table: Mapping[str, T], key: str, what: str) -> T:
    if key not in table:
        raise SynthError(f"unknown {what} `{key}` of a Synthesizer checkpoint", did_you_mean(key, table))
    return table[key]
