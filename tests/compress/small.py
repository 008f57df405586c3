"""What the tests of compression share: a text, and teachers small enough to be written down."""

import random
from pathlib import Path
from typing import Any

import torch

from synthcli.compress.activations.cache import ActivationCache, build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.teacher import Teacher, frozen, model_hash
from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.data.tokenizers import Tokenizer
from synthcli.model import ModelConfig, build

LAYERS, HEADS, WIDTH = 3, 4, 24
WORDS = ["the", "small", "large", "model", "reads", "writes", "mixes", "one", "word", "text", "then", "again"]
PIECES = TokenizerConfig(kind="wordpiece", vocab_size=90)


def small_store(root: Path) -> Store:
    """Prepare three hundred lines of words, every tenth of them empty, and some long."""
    source, draw = root / "source", random.Random(0)
    source.mkdir(parents=True)
    for split, rows in (("train", 240), ("valid", 40), ("test", 20)):
        lines = [" ".join(draw.choices(WORDS, k=draw.randint(1, 30) * (row % 10 > 0))) for row in range(rows)]
        (source / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return prepare_store("text", PIECES, root / "stores", source)


def bert_config(vocab_size: int, **changes: Any) -> ModelConfig:
    """Return a post-norm encoder as BERT is."""
    table: dict[str, Any] = {
        "task": "masked-lm",
        "vocab_size": vocab_size,
        "d_model": WIDTH,
        "d_ff": 40,
        "dropout": 0.1,
        "block": "post-norm",
        "mixer": {"heads": HEADS, "dropout": 0.1},
        "embeddings": {"positions": "learned", "norm": True, "scale": False, "tie": "output"},
        "head": {"transform": True, "bias": True},
        "encoder": {"layers": LAYERS, "max_length": 32},
    }
    return ModelConfig.model_validate(table | changes)


def gpt2_config(vocab_size: int, **changes: Any) -> ModelConfig:
    """Return a pre-norm decoder as GPT-2 is."""
    table: dict[str, Any] = {
        "task": "causal-lm",
        "vocab_size": vocab_size,
        "d_model": WIDTH,
        "d_ff": 40,
        "block": "pre-norm",
        "mixer": {"heads": HEADS},
        "embeddings": {"positions": "learned", "scale": False, "tie": "output"},
        "decoder": {"layers": LAYERS, "max_length": 32},
    }
    return ModelConfig.model_validate(table | changes)


def small_teacher(
    config: ModelConfig, tokenizer: Tokenizer, dtype: torch.dtype = torch.float32, name: str = "small"
) -> Teacher:
    """Return a teacher that attends to some positions more than to others; no parameter is at its start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = build(config).to(dtype)
        for key, parameter in model.named_parameters():
            scale = 1.0 if key.endswith(("query.weight", "key.weight")) else 0.3
            parameter.data.add_(scale * parameter.shape[-1] ** -0.5 * torch.randn_like(parameter))
    return Teacher(name, Path(name), config, frozen(model), tokenizer, model_hash(config, model))


def recorded(path: Path, teacher: Teacher, text: Calibration, *names: str) -> ActivationCache:
    """Record hook points by name."""
    return build_cache(path, teacher, text, [HookPoint.parse(name) for name in names])
