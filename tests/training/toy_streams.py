"""Streams to train on, made by code, and small models that carry a state along them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.model import build
from synthcli.model_config.model import ModelConfig
from synthcli.training.checkpoints import Checkpointing
from synthcli.training.config import TrainingConfig
from synthcli.training.metrics_log import Journal
from synthcli.training.trainer import Callback
from synthcli.training.validation import Validation

STREAMS, SEGMENTS, LENGTH, PERIOD, VOCABULARY = 3, 8, 6, 17, 260


@dataclass
class Periodic:
    """Streams that repeat random tokens with a period no segment holds: what comes next is in the past."""

    length: int = LENGTH
    streams: int = STREAMS
    is_stream = True

    def __post_init__(self) -> None:
        size = SEGMENTS * LENGTH + 1
        pattern = np.random.default_rng(0).integers(4, 14, (self.streams, PERIOD))
        self.ids = torch.from_numpy(np.tile(pattern, (1, size // PERIOD + 1))[:, :size])

    @property
    def segments(self) -> int:
        return SEGMENTS * LENGTH // self.length

    def __len__(self) -> int:
        return self.segments * self.streams

    @property
    def lengths(self) -> np.ndarray:
        return np.full(len(self), self.length)

    def collate(self, indices: np.ndarray, *drawing: object) -> dict[str, torch.Tensor | None]:
        segment, stream = np.divmod(indices, self.streams)
        start = int(segment[0]) * self.length
        ids = self.ids[torch.from_numpy(stream), start : start + self.length + 1]
        return {"tokens": ids[:, :-1], "targets": ids[:, 1:]}


def model(mixer: dict[str, Any], block: str = "recurrent", **changes: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    table: dict[str, Any] = {
        "task": "causal-lm",
        "vocab_size": VOCABULARY,
        "d_model": 16,
        "d_ff": 16 if block != "recurrent" else None,
        "dropout": 0.05,
        "block": block,
        "mixer": mixer,
        "embeddings": {"positions": "none"},
        "decoder": {"layers": 2, "max_length": 2 * LENGTH},
    }
    return build(ModelConfig.model_validate(table | changes))


SRUPP = {"kind": "srupp", "projection": 8, "highway_bias": 0.0, "attention_dropout": 0.1}


def config(steps: int, **more: Any) -> TrainingConfig:
    table = {
        "steps": steps,
        "precision": "fp32",
        "schedule": {"kind": "constant", "peak": 1e-2},
        "evaluate_every": 5,
        "save_every": 5,
        "optimizer": {"kind": "radam", "decay": "all", "weight_decay": 0.0001},
    }
    return TrainingConfig.model_validate(table | more)


def stream_callbacks(folder: Path, examples: Periodic) -> list[Callback]:
    return [
        Journal(folder / "journal.jsonl", folder / "timings.jsonl"),
        Validation(examples),
        Checkpointing(folder / "checkpoints", ByteTokenizer()),
    ]
