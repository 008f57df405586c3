"""Models that transformers has a class for, BERT's and GPT-2's: configuration and weights, no code.

Whether a model is one of them is not guessed: what would be written is read back by the import of that
family, and has to give the same configuration and the same tensors.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from synthcli.atomic_files import save_tensors
from synthcli.errors import SynthError
from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.hugging_face.auto_classes import label_entries, special_ids, text_form_entry
from synthcli.exporters.hugging_face.pad_layers import Weights, pad_to_alike
from synthcli.exporters.safetensors_export import CONFIG, WEIGHTS
from synthcli.importers.hugging_face import FAMILIES
from synthcli.importers.hugging_face.bert import bert_entries
from synthcli.importers.hugging_face.options import ACTIVATIONS, Options
from synthcli.model import ModelConfig
from synthcli.model_config.attention import AttentionConfig

THEIR_ACTIVATIONS = {
    "gelu-tanh": "gelu_new",
    **{ours: theirs for theirs, ours in ACTIVATIONS.items() if theirs == ours},
}

# what only training reads, or what says the same in another way
UNREAD = (
    "dropout",
    "feed_forward_dropout",
    "attention_dropout",
    "init",
    "zero_query",
    "gate_init",
    "max_positions",
    "tie_projections",
)
TIED_BIAS, UNTIED_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"


@dataclass(frozen=True)
class NativeModel:
    """A folder's configuration and tensors."""

    options: dict[str, Any]
    tensors: Weights


def as_native(bundle: ExportBundle) -> NativeModel | None:
    """Return the model as one of transformers' own, or None where it is not one."""
    if bundle.config.task not in WRITERS:
        return None
    weights = {name: tensor.detach() for name, tensor in bundle.model.state_dict().items()}
    alike = pad_to_alike(bundle.config, weights)
    if alike is None or bundle.config.activation not in THEIR_ACTIVATIONS:
        return None
    found = WRITERS[bundle.config.task](bundle, *alike)
    return found if found is not None and _reads_back(found, *alike) else None


def write_native(found: NativeModel, folder: Path) -> None:
    """Write configuration and weights."""
    (folder / CONFIG).write_text(json.dumps(found.options, indent=2) + "\n", encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in found.tensors.items()}
    save_tensors(folder / WEIGHTS, tensors, {"format": "pt"})


def _reads_back(found: NativeModel, config: ModelConfig, weights: Weights) -> bool:
    """Whether the import makes the same model of it, bit for bit."""
    options = Options(Path(CONFIG), found.options)
    try:
        imported = FAMILIES[found.options["model_type"]](options, found.tensors)
    except (SynthError, ValidationError):
        return False
    is_same = (
        _normal_form(imported.config) == _normal_form(config) and imported.weights.keys() == weights.keys()
    )
    return is_same and all(torch.equal(imported.weights[name], weights[name]) for name in weights)


def _normal_form(config: ModelConfig) -> dict[str, Any]:
    """Return what decides the function of a model, in one way of saying it."""
    table = _drop_keys(config.model_dump(), UNREAD)
    table["block"]["norm_eps"] = (
        config.block.norm_eps or config.norm_eps if hasattr(config.block, "norm_eps") else None
    )
    table["mixer"]["d_head"] = (
        config.mixer.width_of_head(config.d_model) if config.mixer.kind == "attention" else None
    )
    tie = config.embeddings.tie
    table["embeddings"]["tie"] = "any" if config.task == "classification" else tie.replace("all", "output")
    for name in ("encoder", "decoder"):
        if table[name] is not None:
            table[name]["max_length"] = config.embeddings.max_positions or table[name]["max_length"]
    return table


def _drop_keys(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _drop_keys(part, keys) for key, part in value.items() if key not in keys}
    return [_drop_keys(part, keys) for part in value] if isinstance(value, list | tuple) else value


def _as_bert(bundle: ExportBundle, config: ModelConfig, weights: Weights) -> NativeModel | None:
    """Return BERT with the head of its task; a classifier that reads by a decoder is none."""
    encoder, mixer = config.encoder, config.mixer
    if encoder is None or not isinstance(mixer, AttentionConfig):
        return None
    is_classifier = config.task == "classification"
    options = {
        "architectures": ["BertForSequenceClassification" if is_classifier else "BertForMaskedLM"],
        "model_type": "bert",
        "dtype": "float32",
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "num_hidden_layers": encoder.layers,
        "num_attention_heads": mixer.heads,
        "intermediate_size": config.d_ff,
        "hidden_act": THEIR_ACTIVATIONS[config.activation],
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": mixer.dropout,
        "max_position_embeddings": config.embeddings.max_positions or encoder.max_length,
        "type_vocab_size": config.embeddings.token_types,
        "layer_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.embeddings.tie != "none",
        **special_ids(bundle),
        **label_entries(config),
        **text_form_entry(bundle),
    }
    if not is_classifier and not (config.head.transform and config.head.bias):
        return None
    is_tied = is_classifier or config.embeddings.tie != "none"
    named = {} if is_tied else {UNTIED_BIAS: torch.empty(0)}
    entries = bert_entries(config, "bert.", named)
    if any(entry.name not in weights for entry in entries):
        return None
    tensors = {entry.source: weights[entry.name] for entry in entries}
    return NativeModel(options, tensors if is_tied else tensors | {TIED_BIAS: weights["head.bias"].clone()})


def _as_gpt2(bundle: ExportBundle, config: ModelConfig, weights: Weights) -> NativeModel | None:
    """Return GPT-2's language model; its maps are input-major, and query, key and value are one."""
    decoder, mixer = config.decoder, config.mixer
    if decoder is None or not isinstance(mixer, AttentionConfig):
        return None
    options = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "dtype": "float32",
        "vocab_size": config.vocab_size,
        "n_embd": config.d_model,
        "n_layer": decoder.layers,
        "n_head": mixer.heads,
        "n_inner": config.d_ff,
        "n_positions": config.embeddings.max_positions or decoder.max_length,
        "activation_function": THEIR_ACTIVATIONS[config.activation],
        "resid_pdrop": config.dropout,
        "attn_pdrop": mixer.dropout,
        "embd_pdrop": config.dropout if config.embeddings.dropout is None else config.embeddings.dropout,
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.embeddings.tie != "none",
        **special_ids(bundle),
    }
    try:
        tensors = _gpt2_tensors(weights, decoder.layers, config.embeddings.tie != "none")
    except KeyError:
        return None
    return NativeModel(options, tensors)


def _gpt2_tensors(weights: Weights, layers: int, is_tied: bool) -> Weights:
    """Return the tensors under GPT-2's names; raises KeyError where the model lacks one."""
    root = "transformer."
    tensors = {
        f"{root}wte.weight": weights["embeddings.tokens.weight"],
        f"{root}wpe.weight": weights["embeddings.positions.weight"],
    }
    if not is_tied:
        tensors["lm_head.weight"] = weights["head.weight"]
    for end in ("weight", "bias"):
        tensors[f"{root}ln_f.{end}"] = weights[f"decoder.norm.{end}"]
        for layer in range(layers):
            ours, theirs = f"decoder.blocks.{layer}", f"{root}h.{layer}"
            parts = [
                weights[f"{ours}.mixer.{leaf}.{end}"] for leaf in ("scores.0.query", "scores.0.key", "value")
            ]
            tensors[f"{theirs}.attn.c_attn.{end}"] = _store_input_major(torch.cat(parts))
            for leaf, place in GPT2_MAPS.items():
                tensors[f"{theirs}.{leaf}.{end}"] = _store_input_major(weights[f"{ours}.{place}.{end}"])
            for leaf, place in GPT2_NORMS.items():
                tensors[f"{theirs}.{leaf}.{end}"] = weights[f"{ours}.{place}.{end}"]
    return tensors


def _store_input_major(tensor: Tensor) -> Tensor:
    """Return a map as (in, out); a bias as it is."""
    return tensor.T if tensor.dim() > 1 else tensor


GPT2_MAPS = {
    "attn.c_proj": "mixer.output",
    "mlp.c_fc": "feed_forward.expand",
    "mlp.c_proj": "feed_forward.output",
}
GPT2_NORMS = {"ln_1": "mixer_norm", "ln_2": "feed_forward_norm"}

WRITERS: dict[str, Callable[[ExportBundle, ModelConfig, Weights], NativeModel | None]] = {
    "masked-lm": _as_bert,
    "classification": _as_bert,
    "causal-lm": _as_gpt2,
}
