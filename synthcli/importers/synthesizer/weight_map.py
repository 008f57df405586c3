"""Checkpoints of the Synthesizer repository (github.com/TaraSPande/synthesizer).

Pre-norm blocks whose keys and values are read from the un-normalised stream, learned positions, target
embedding tied to the output.
"""

from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.options import OriginalOptions
from synthcli.importers.refusals import Word
from synthcli.importers.spare import Spare
from synthcli.importers.translate import (
    OPTIONS_OF,
    Change,
    Entry,
    TranslatedModel,
    explain_refusal,
    identity,
    translate_tensors,
)
from synthcli.model import ModelConfig
from synthcli.model.scores import SCORES
from synthcli.model_config.attention import EVEN, AttentionConfig

TASK_OF_KIND = {"seq2seq": "seq2seq", "lm": "causal-lm", "classifier": "classification"}

SCORES_OF_MODE: dict[str, list[str]] = {
    "vanilla": ["dot-product"],
    "synth_dense": ["dense"],
    "synth_random": ["random"],
    "hybrid_dense": ["dot-product", "dense"],
    "hybrid_random": ["dot-product", "random"],
}


CHOICES = (
    Word("kind", tuple(TASK_OF_KIND), "the three models of the repository"),
    *(
        Word(f"attn_mode_{place}", tuple(SCORES_OF_MODE), "the modes of its attention")
        for place in ("self_enc", "self_dec", "cross")
    ),
)
SIZES = ("n_heads", "d_model", "d_ff", "vocab_size", "max_src_len", "max_tgt_len")
KNOWN = frozenset(
    (
        *SIZES,
        *("n_layers_enc", "n_layers_dec", "dropout", "layer_norm_eps", "tie_tgt_embeddings"),
        *("synth_hidden", "synth_fixed_random", "gate_init", "num_labels", "pad_token_id", "padding"),
        *(choice.option for choice in CHOICES),
    )
)
READS_NONE = Spare(
    r"^(en|de)coder\.layers\.\d+\.(self|cross)_attn\.W_[qk]\.(weight|bias)$",
    "queries and keys of an attention whose scores come from elsewhere",
)
NO_CROSS_NORM = Spare(
    r"^decoder\.layers\.\d+\.ln2\.(weight|bias)$",
    "the norm before a cross-attention that reads no query, or that a language model never runs",
)
NO_CROSS = Spare(
    r"^decoder\.layers\.\d+\.cross_attn\.(W_[qkvo]\.\w+|rand_logits|gate|synth\.(\d\.)?(weight|bias))$",
    "the cross-attention of a language model, which has nothing to read and is never run",
)
SPARES = (READS_NONE, NO_CROSS_NORM, NO_CROSS)


def import_synthesizer(options: Mapping[str, str], weights: Mapping[str, Tensor]) -> TranslatedModel:
    """Translate a Synthesizer checkpoint; `options` are the original's own, as strings."""
    given = OriginalOptions("Synthesizer", options)
    given.check(CHOICES, KNOWN)
    with explain_refusal(OPTIONS_OF.format("Synthesizer")):
        config = _synthesizer_config(given, weights)
    is_lone = "lm_head.weight" not in weights and config.embeddings.tie != "none"
    names = [
        (ours, _token_table(config) if is_lone and theirs == "lm_head.weight" else theirs, heads)
        for ours, theirs, heads in _tensor_names(config)
    ]
    entries = [Entry(name, source, _change(name, heads)) for name, source, heads in names]
    spares = SPARES if config.task == "causal-lm" else (READS_NONE, NO_CROSS_NORM)
    return translate_tensors(config, entries, weights, spares)


def _token_table(config: ModelConfig) -> str:
    """Return the original's table that a tied output repeats; a file may hold it once."""
    return "tgt_tok.weight" if config.task == "seq2seq" else "tok.weight"


def _change(name: str, heads: int) -> Change:
    """Return what gives a tensor its axis of heads; the one hidden layer of all heads is a group of one."""
    if heads:
        return lambda tensor: tensor.unflatten(0, (heads, -1))
    return (lambda tensor: tensor[None]) if ".inputs." in name else identity


def _synthesizer_config(options: OriginalOptions, weights: Mapping[str, Tensor]) -> ModelConfig:
    """Derive our configuration from the original's options and the shapes of its tensors."""
    task = options.one_of("kind", TASK_OF_KIND)
    heads = options.whole("n_heads")
    if task == "classification" and "classifier.weight" not in weights:
        raise SynthError("the weights lack `classifier.weight`", "the file is incomplete or of another model")

    def mixer(mode: str) -> dict[str, object]:
        scores = [_score_config(kind, options) for kind in options.one_of(mode, SCORES_OF_MODE, "vanilla")]
        if len(scores) == 1:
            return {"heads": heads, "scores": scores, "mix": "sum"}
        gate = options.number("gate_init", EVEN)
        return {"heads": heads, "scores": scores, "mix": "gate", "gate_init": gate}

    def stack(side: str, length: str) -> dict[str, object]:
        return {
            "layers": options.whole(f"n_layers_{side}", most=len(weights)),
            "max_length": options.whole(length),
            "mixer": mixer(f"attn_mode_self_{side}"),
        }

    return ModelConfig.model_validate(
        {
            "task": task,
            "vocab_size": options.whole("vocab_size"),
            "num_classes": len(weights["classifier.weight"]) if task == "classification" else None,
            "d_model": options.whole("d_model"),
            "d_ff": options.whole("d_ff"),
            "dropout": options.number("dropout", 0.1),
            "norm_eps": options.number("layer_norm_eps", 1e-5),
            "block": {"kind": "pre-norm", "values_from": "stream"},
            "embeddings": {
                "tie": "output" if options.switch("tie_tgt_embeddings", True) else "none",
                "scale": False,
            },
            "mixer": {"heads": heads},
            "cross": mixer("attn_mode_cross") if task == "seq2seq" else None,
            "encoder": None if task == "causal-lm" else stack("enc", "max_src_len"),
            "decoder": None if task == "classification" else stack("dec", "max_tgt_len"),
        }
    )


def _score_config(kind: str, options: OriginalOptions) -> dict[str, object]:
    if kind == "dense":
        hidden = options.number("synth_hidden", 0)
        if hidden < 0 or hidden != int(hidden):
            message = f"`synth_hidden = {hidden:g}` of the Synthesizer is not a whole number from 0 on"
            raise SynthError(message, "give the options the model was built with")
        return {"kind": kind, "input": "model", "hidden": int(hidden), "activation": "gelu"}
    if kind == "random":
        return {"kind": kind, "trainable": not options.switch("synth_fixed_random")}
    return {"kind": kind}


def _tensor_names(config: ModelConfig) -> list[tuple[str, str, int]]:
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
    names += _attention_names(f"{ours}.mixer", f"{theirs}.self_attn", mixer)
    if has_cross:
        if any(SCORES[score.kind].reads_queries for score in config.cross_attention.scores):
            names += _affine(f"{ours}.cross_norm", f"{theirs}.ln2")
        names += _attention_names(f"{ours}.cross", f"{theirs}.cross_attn", config.cross_attention)
    names += _affine(f"{ours}.feed_forward_norm", f"{theirs}.{last_norm}")
    names += _affine(f"{ours}.feed_forward.expand", f"{theirs}.ff.net.0")
    return names + _affine(f"{ours}.feed_forward.output", f"{theirs}.ff.net.3")


def _attention_names(ours: str, theirs: str, mixer: AttentionConfig) -> list[tuple[str, str, int]]:
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
            has_layer = getattr(score, "hidden", None) != 0
            names += _affine(f"{prefix}.inputs", f"{theirs}.synth.0") if has_layer else []
            last = f"{theirs}.synth.2" if has_layer else f"{theirs}.synth"
            names += [(f"{prefix}.{leaf}", f"{last}.{leaf}", mixer.heads) for leaf in ("weight", "bias")]
    return names


def _embedding(ours: str, tokens: str, positions: str) -> list[tuple[str, str, int]]:
    return [
        (f"{ours}.tokens.weight", f"{tokens}.weight", 0),
        (f"{ours}.positions.weight", f"{positions}.weight.weight", 0),
    ]


def _affine(ours: str, theirs: str) -> list[tuple[str, str, int]]:
    return [(f"{ours}.{leaf}", f"{theirs}.{leaf}", 0) for leaf in ("weight", "bias")]
