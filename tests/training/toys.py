"""Small things to train, made by code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthcli.data.config import BatchConfig
from synthcli.data.examples.counter_rng import derive_keys, uniform
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.model import ModelConfig, build
from synthcli.objectives import IGNORED, OBJECTIVES
from synthcli.training.checkpoints import Checkpointing
from synthcli.training.config import TrainingConfig
from synthcli.training.loop import Outcome, train
from synthcli.training.metrics_log import Journal
from synthcli.training.seeding import seed_torch
from synthcli.training.trainer import Callback
from synthcli.training.validation import Validation

VOCABULARY = 260
LONGEST = 10


@dataclass
class ToyText:
    """Rows of uneven length that count up: the next token is the last plus one."""

    rows: int = 40
    offset: int = 0
    is_stream = False

    def __len__(self) -> int:
        return self.rows

    @property
    def lengths(self) -> np.ndarray:
        return 2 + (np.arange(self.rows) * 7 + self.offset) % (LONGEST - 2)

    def collate(self, indices: np.ndarray, *drawing: object) -> dict[str, torch.Tensor | None]:
        lengths = torch.from_numpy(self.lengths[indices])
        ids = 4 + (torch.from_numpy(indices)[:, None] + torch.arange(int(lengths.max()) + 1)) % 20
        padding = torch.arange(int(lengths.max())) >= lengths[:, None]
        targets = ids[:, 1:].masked_fill(padding, IGNORED)
        return {"tokens": ids[:, :-1], "targets": targets, "padding": padding if padding.any() else None}


class HiddenText(ToyText):
    """The same with a third of the tokens hidden, drawn as real examples draw."""

    def collate(
        self, indices: np.ndarray, seed: int = 0, epochs: np.ndarray | int = 0
    ) -> dict[str, torch.Tensor | None]:
        batch = super().collate(indices)
        tokens = batch["tokens"]
        assert tokens is not None  # and their targets stay
        drawn = uniform(derive_keys(seed, epochs, indices)[:, None], np.arange(tokens.shape[1]))
        return {**batch, "tokens": tokens.masked_fill(torch.from_numpy(drawn) < 1 / 3, 3)}


def toy_model(seed: int = 0, dropout: float = 0.2, **changes: Any) -> torch.nn.Module:
    table: dict[str, Any] = {
        "task": "causal-lm",
        "vocab_size": VOCABULARY,
        "d_model": 8,
        "d_ff": 16,
        "dropout": dropout,
        "mixer": {"heads": 2, "scores": [{"kind": "random"}, {"kind": "dot-product"}], "dropout": dropout},
        "decoder": {"layers": 2, "max_length": LONGEST},
    }
    seed_torch(seed)
    return build(ModelConfig.model_validate(table | changes))


def toy_config(**changes: Any) -> TrainingConfig:
    table: dict[str, Any] = {
        "steps": 12,
        "precision": "fp32",
        "label_smoothing": 0.1,
        "schedule": {"kind": "cosine", "peak": 1e-2, "warmup_steps": 3},
        "log_every": 2,
        "evaluate_every": 4,
        "save_every": 4,
    }
    return TrainingConfig.model_validate(table | changes)


def toy_batch(**changes: Any) -> BatchConfig:
    return BatchConfig.model_validate({"size": 7, "micro_size": 3} | changes)


def toy_callbacks(folder: Path, text: type[ToyText] = ToyText) -> list[Callback]:
    return [
        Journal(folder / "journal.jsonl", folder / "timings.jsonl"),
        Validation(text(rows=9, offset=3), batch_size=4),
        Checkpointing(folder / "checkpoints", ByteTokenizer()),
    ]


def toy_train(model: torch.nn.Module, config: TrainingConfig, **more: Any) -> Outcome:
    batch = more.pop("batch", toy_batch())
    return train(model, more.pop("examples", ToyText()), OBJECTIVES["causal-lm"], config, batch, **more)
