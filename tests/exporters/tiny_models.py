"""Small models of every family and task, parameters moved off their initial values, and their checkpoints."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.model import ModelConfig, build
from synthcli.training.checkpoints import write_model

TOKENIZER = ByteTokenizer()
STACK = {"layers": 2, "max_length": 80}
STACKS: dict[str, dict[str, Any]] = {
    "causal-lm": {"decoder": STACK},
    "masked-lm": {"encoder": STACK},
    "seq2seq": {"encoder": STACK, "decoder": STACK},
    "classification": {"encoder": STACK, "num_classes": 3},
}
DENSE, RANDOM, DOT = {"kind": "dense"}, {"kind": "random"}, {"kind": "dot-product"}
SRUPP = {"kind": "srupp", "projection": 8, "heads": 2}

# the tables of a family that are the same for every task
FAMILIES: dict[str, dict[str, Any]] = {
    "synthesizer": {"mixer": {"heads": 2, "scores": [RANDOM, DENSE, DOT]}},
    "simplified-blocks": {"block": "skipless", "mixer": {"heads": 2}},
    "srupp": {"block": "recurrent", "mixer": SRUPP, "d_ff": None},
    "bert-blocks": {
        "block": "post-norm",
        "mixer": {"heads": 4, "d_head": 3},
        "embeddings": {"scale": False, "norm": True, "tie": "output", "token_types": 2},
    },
}


def config_of(task: str, table: dict[str, Any]) -> ModelConfig:
    """Return the configuration of a small model."""
    base = {"task": task, "vocab_size": TOKENIZER.vocab_size, "d_model": 16, "d_ff": 24, "dropout": 0.0}
    merged = {**base, **STACKS[task], **table}
    return ModelConfig.model_validate({key: value for key, value in merged.items() if value is not None})


def model_of(config: ModelConfig, seed: int = 0) -> nn.Module:
    """Build a model in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.eval()


def checkpoint_of(folder: Path, config: ModelConfig, seed: int = 0) -> Path:
    """Write the checkpoint of such a model."""
    write_model(folder, config, dict(model_of(config, seed).state_dict()), TOKENIZER)
    return folder
