"""Models whose `hf` folders the tests open: every task of every family, and what transformers has."""

from pathlib import Path
from typing import Any

from synthcli.exporters import EXPORTERS
from synthcli.exporters.export_bundle import CardFacts, ExportBundle, ExportOptions, GenerationSettings
from synthcli.exporters.parity_reference import record_reference
from tests.exporters.tiny_models import FAMILIES, STACKS, TOKENIZER, config_of, model_of

TOLERANCE = 1e-5

SHAPE = {"layers": 3, "max_length": 80}
SMALLER = {
    "layer_mixers": {0: {"heads": 3, "d_head": 4}, 1: {"heads": 2, "d_head": 3}},
    "layer_d_ff": {1: 10},
}
TYPED = {"scale": False, "norm": True, "tie": "output", "token_types": 2}
BERT = {
    "block": "post-norm",
    "mixer": {"heads": 4},
    "embeddings": TYPED,
    "head": {"transform": True, "bias": True},
    "norm_eps": 1e-12,
}
NAMES = ("no", "yes", "perhaps")
JUDGE = BERT | {"head": {"pool": "first", "pooler": True}}
NUMBER = JUDGE | {"head": {"pool": "first", "pooler": True, "output": "regression"}, "num_classes": None}
GPT2 = {"mixer": {"heads": 4}, "embeddings": {"scale": False, "tie": "output"}, "activation": "gelu-tanh"}

# transformers' own classes
NATIVE: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("masked-lm", BERT),
    "bert untied": ("masked-lm", BERT | {"embeddings": TYPED | {"tie": "none"}}),
    "bert without types": ("masked-lm", BERT | {"embeddings": TYPED | {"tie": "all", "token_types": 0}}),
    "bert of smaller layers": ("masked-lm", BERT | {"encoder": SHAPE | SMALLER}),
    "bert classifier": ("classification", JUDGE | {"encoder": SHAPE | SMALLER, "class_names": NAMES}),
    "bert regression": ("classification", NUMBER),
    "gpt2": ("causal-lm", GPT2),
    "gpt2 untied": ("causal-lm", GPT2 | {"embeddings": {"scale": False, "tie": "none"}}),
    "gpt2 of smaller layers": ("causal-lm", GPT2 | {"decoder": SHAPE | SMALLER}),
}

# what the families do not reach
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2 but for its norm": ("causal-lm", GPT2 | {"block": {"kind": "pre-norm", "norm": "rms"}}),
    "rotary and capped": (
        "causal-lm",
        {
            "mixer": {"heads": 2, "scores": [{"kind": "dot-product", "soft_cap": 5.0, "qk_norm": "rms"}]},
            "embeddings": {"positions": "rotary"},
            "gated": True,
        },
    ),
    "adaptive srupp": (
        "causal-lm",
        {
            "block": "recurrent",
            "d_ff": None,
            "mixer": {"kind": "srupp", "projection": 8, "attention_every": 2, "layer_norm": "before"},
            "embeddings": {"positions": "none", "cutoffs": [20, 100], "div_val": 2, "d_embed": 12},
        },
    ),
    "sru both ways": (
        "classification",
        {
            "block": "recurrent",
            "d_ff": None,
            "mixer": {"kind": "sru", "bidirectional": True, "rescale": True},
            "class_names": NAMES,
        },
    ),
    "alibi": ("causal-lm", {"mixer": {"heads": 3, "d_head": 4}, "embeddings": {"positions": "alibi"}}),
    "transformer-xl": (
        "causal-lm",
        {"mixer": {"kind": "transformer-xl", "heads": 2, "memory": 3}, "embeddings": {"positions": "none"}},
    ),
    "convolutions": (
        "seq2seq",
        {
            "mixer": {"kind": "dynamic-convolution", "heads": 2, "kernel": [3, 4]},
            "encoder": SHAPE | {"mixer": {"kind": "lightweight-convolution", "heads": 4, "kernel": 4}},
        },
    ),
    "linformer": (
        "masked-lm",
        {"mixer": {"kind": "linformer", "heads": 2, "k": 5}},
    ),
    "layers of their own": (
        "causal-lm",
        {
            "mixer": {"heads": 2},
            "decoder": SHAPE
            | {"layer_mixers": {0: {"kind": "none"}, 2: {"kind": "linear"}}, "layer_d_ff": {1: 8}},
        },
    ),
    "classifier that reads by a decoder": (
        "classification",
        GPT2 | {"encoder": None, "decoder": SHAPE, "head": {"pool": "last"}, "class_names": NAMES},
    ),
    "choice": (
        "classification",
        {"mixer": {"heads": 2}, "head": {"output": "choice"}, "num_classes": None},
    ),
    "factorized": (
        "seq2seq",
        {
            "mixer": {
                "heads": 2,
                "scores": [{"kind": "factorized-dense"}, {"kind": "factorized-random"}],
                "mix": "gate",
            }
        },
    ),
    "skips behind norms": (
        "causal-lm",
        {
            "block": {"kind": "parallel", "norm": "rms", "skip_from": "norm", "trainable_gains": True},
            "mixer": {
                "heads": 2,
                "scores": [{"kind": "dot-product"}, {"kind": "dense", "input": "model", "hidden": 0}],
                "mix": "gate",
                "gate_init": 0.8,
                "shaping": {"identity": 0.4, "centre": 0.0, "trainable": ["attention"]},
            },
        },
    ),
    "srupp from narrow vectors": (
        "causal-lm",
        {
            "block": "recurrent",
            "d_ff": None,
            "mixer": {"kind": "srupp", "projection": 8, "heads": 2, "attention_last": 1, "rescale": 1.3},
            "embeddings": {"positions": "none", "d_embed": 10, "projection": "none", "tie": "none"},
        },
    ),
    "sru from wide vectors": (
        "causal-lm",
        {
            "block": "recurrent",
            "d_ff": None,
            "mixer": {"kind": "sru", "projection": 5},
            "embeddings": {"positions": "none", "d_embed": 20, "projection": "input", "tie": "none"},
        },
    ),
}

OWN_CODE: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{family} {task}": (task, table) for family, table in FAMILIES.items() for task in STACKS},
    **OTHERS,
}
CASES = OWN_CODE | NATIVE


def bundle_of(name: str) -> ExportBundle:
    """Return one of the models, ready to leave."""
    return bundle_with(name, *CASES[name])


def bundle_with(name: str, task: str, table: dict[str, Any]) -> ExportBundle:
    """Return a small model, ready to leave."""
    config = config_of(task, table)
    facts = CardFacts(synth="0", parameters=1, trained_parameters=1, step=1)
    generation = GenerationSettings(beam=2, max_length=12)
    return ExportBundle(name.replace(" ", "-"), config, model_of(config), TOKENIZER, facts, generation)


def write(name: str, root: Path) -> None:
    """Write a folder, and beside it what its model computes."""
    bundle, folder = bundle_of(name), root / name.replace(" ", "-")
    folder.mkdir(parents=True)
    EXPORTERS["hf"].write(bundle, folder, ExportOptions())
    reference = record_reference(bundle, bundle.model)
    reference.save(root / f"{folder.name}.safetensors", tolerance=TOLERANCE, sha256={})
