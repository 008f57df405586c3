"""Models of the retrained and merged BERT blocks (github.com/sdeepaknarayanan/simplifying-transformers).

A post-norm encoder with the weights of Google's BERT, whose layers may have heads and widths of their own.
Its norm is a (x − mean) / (s + eps) + b, s being the standard deviation over n − 1. Ours divides by
√(variance + eps) over n, so a is divided by √(n / (n − 1)); what is left differs by about eps = 1e-6.
"""

import math
import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.spare import Spare
from synthcli.importers.translate import Entry, TranslatedModel, affine, translate_tensors
from synthcli.model import ModelConfig
from synthcli.model_config.attention import AttentionConfig

SPARES: tuple[Spare, ...] = ()  # its models have no tensor that they do not use
LAYER = re.compile(r"^(?:bert\.transformer_blocks|layers)\.(\d{1,9})\.")
ATTENTIONS = ("attention", "attentionblock")
PARTS = ("scores.0.query", "scores.0.key", "value")  # in the order of its three maps


def import_bert_blocks(tensors: Mapping[str, Tensor], heads: Sequence[int], segment: int) -> TranslatedModel:
    """Translate a whole model; `heads` are those of each layer.

    `segment` is the type that every token had: ours reads type 0 where none is given, so that one goes first.
    """
    layers = len({int(match[1]) for name in tensors if (match := LAYER.match(name))})
    widths = [infer_mixer(tensors, _layer_root(tensors, n), heads[n]) for n in range(layers)]
    root = "bert.embedding" if "bert.embedding.token.weight" in tensors else "embedding"
    config = _infer_config(tensors, root, widths)
    entries = _embedding_entries(root, segment) + head_entries()
    for number in range(layers):
        entries += layer_entries(f"encoder.blocks.{number}", _layer_root(tensors, number), tensors)
    return translate_tensors(config, entries, tensors, SPARES)


def _layer_root(tensors: Mapping[str, Tensor], number: int) -> str:
    """Return what the names of one layer begin with."""
    roots = (f"bert.transformer_blocks.{number}", f"layers.{number}")
    for root in roots:
        if any(name.startswith(f"{root}.") for name in tensors):
            return root
    raise SynthError(f"the weights lack layer {number}", "the file is incomplete: fetch it anew")


def attention_root(tensors: Mapping[str, Tensor], layer: str) -> str:
    """Return what the names of a layer's attention begin with; a layer of nothing else has no name."""
    prefix = f"{layer}." if layer else ""
    for name in ATTENTIONS:
        if f"{prefix}{name}.linear_layers.0.weight" in tensors:
            return f"{prefix}{name}"
    raise SynthError(
        f"the weights lack `{prefix}attention.linear_layers.0.weight`", "is it one of the BERT blocks?"
    )


def infer_mixer(tensors: Mapping[str, Tensor], layer: str, heads: int) -> dict[str, object]:
    """Return the attention of a layer: the width of a head follows from their number."""
    name = f"{attention_root(tensors, layer)}.linear_layers.0.weight"
    if tensors[name].ndim != 2 or len(tensors[name]) % heads:
        raise SynthError(
            f"`{name}` of shape {tuple(tensors[name].shape)} does not divide into {heads} heads",
            "give the heads it was trained with: `--heads`",
        )
    width = len(tensors[name]) // heads
    is_usual = width * heads == tensors[name].shape[1]
    mixer = AttentionConfig(heads=heads, d_head=None if is_usual else width, dropout=0.1)
    return mixer.model_dump()


def _infer_config(
    tensors: Mapping[str, Tensor], root: str, mixers: Sequence[Mapping[str, object]]
) -> ModelConfig:
    """Return our configuration; the layers' own mixers stand where they differ from the first."""
    embedding, positions = f"{root}.token.weight", f"{root}.position.pe"
    inner = f"{_layer_root(tensors, 0)}.feed_forward.w_1.weight"
    for name in (embedding, positions, inner, "mask_lm.decoder.weight"):
        if name not in tensors or tensors[name].ndim < 2:
            raise SynthError(f"the weights lack the matrix `{name}`", "is it one of the BERT blocks?")
    return ModelConfig.model_validate(
        {
            "task": "masked-lm",
            "vocab_size": len(tensors[embedding]),
            "d_model": tensors[embedding].shape[1],
            "d_ff": len(tensors[inner]),
            "activation": "gelu",
            "dropout": 0.1,
            "norm_eps": 1e-12,
            "block": "post-norm",
            "mixer": mixers[0],
            "embeddings": {
                "positions": "learned",
                "token_types": 2,
                "norm": True,
                "scale": False,
                "tie": "output" if tensors["mask_lm.decoder.weight"].equal(tensors[embedding]) else "none",
            },
            "head": {"transform": True, "bias": True},
            "encoder": {
                "layers": len(mixers),
                "max_length": tensors[positions].shape[-2],
                "layer_mixers": {n: own for n, own in enumerate(mixers) if own != mixers[0]},
            },
        }
    )


def _embedding_entries(root: str, segment: int) -> list[Entry]:
    return [
        Entry("embeddings.tokens.weight", f"{root}.token.weight"),
        Entry("embeddings.positions.weight", f"{root}.position.pe", lambda table: table.flatten(0, -2)),
        Entry(
            "embeddings.token_types.weight",
            f"{root}.segment.weight",
            lambda table: table.flip(0) if segment else table,
        ),
        *_norm_entries("embeddings.norm", f"{root}.layer_norm"),
    ]


def layer_entries(ours: str, theirs: str, tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Return the entries of a whole layer."""
    return [
        *attention_entries(f"{ours}.mixer", attention_root(tensors, theirs)),
        *_norm_entries(f"{ours}.mixer_norm", f"{theirs}.input_sublayer.norm"),
        *affine(f"{ours}.feed_forward.expand", f"{theirs}.feed_forward.w_1"),
        *affine(f"{ours}.feed_forward.output", f"{theirs}.feed_forward.w_2"),
        *_norm_entries(f"{ours}.feed_forward_norm", f"{theirs}.output_sublayer.norm"),
    ]


def attention_entries(ours: str, theirs: str) -> list[Entry]:
    """Return the entries of an attention alone."""
    entries = affine(f"{ours}.output", f"{theirs}.output_linear")
    for number, part in enumerate(PARTS):
        entries += affine(f"{ours}.{part}", f"{theirs}.linear_layers.{number}")
    return entries


def head_entries() -> list[Entry]:
    return [
        Entry("head.weight", "mask_lm.decoder.weight"),
        Entry("head.bias", "mask_lm.decoder.bias"),
        *affine("head.transform.dense", "mask_lm.linear"),
        *_norm_entries("head.transform.norm", "mask_lm.layer_norm"),
    ]


def _norm_entries(ours: str, theirs: str) -> list[Entry]:
    return [Entry(f"{ours}.weight", f"{theirs}.a_2", _rescale_norm), Entry(f"{ours}.bias", f"{theirs}.b_2")]


def _rescale_norm(scale: Tensor) -> Tensor:
    """Return the scale of a norm by the variance of n, in float64 on the way."""
    n = max(len(scale), 2)
    return (scale.double() / math.sqrt(n / (n - 1))).to(scale.dtype)
