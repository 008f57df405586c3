"""A small language model with the block and mixer a test asks for."""

from typing import Any

import torch

from synthcli.model import ModelConfig, build

D_MODEL = 6


def model_of(block: Any, mixer: dict[str, Any], layers: int = 3, **more: Any) -> Any:
    table = {
        "task": "causal-lm", "vocab_size": 11, "d_model": D_MODEL, "d_ff": 8, "dropout": 0.0, "block": block,
        "mixer": {"heads": 2, **mixer}, "decoder": {"layers": layers, "max_length": 8}, **more,
    }  # fmt: skip
    torch.manual_seed(0)
    return build(ModelConfig.model_validate(table)).double().eval()
