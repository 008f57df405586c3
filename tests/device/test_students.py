"""Steps of healing and of distilling on the stand-in: one wait each, and nothing of the host gets in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.assemble import new_mixer
from synthcli.compress.config import FitConfig
from synthcli.compress.distill.criteria import Given, criterion
from synthcli.compress.distill.fitting import ActivationExamples, StudentLoss, objective
from synthcli.compress.healing import EveryPosition, Healing
from synthcli.data.config import BatchConfig
from synthcli.model import build
from synthcli.model_config.attention import AttentionConfig
from synthcli.training.trainer import prepare
from tests.device.__main__ import count, counts
from tests.device.cases import CASES, make
from tests.device.double import Device

POINT = HookPoint("encoder", 1, "mixer-in")


@pytest.mark.parametrize(("name", "slices"), [("masked-lm, rows", 1), ("causal-lm, rows", 1)])
def test_a_step_of_healing_waits_once(name: str, slices: int, corpora: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("synthcli.compress.healing.CACHE_ELEMENTS", 64)  # a processor would take many slices
    with Device() as device:
        training = make(CASES[name], corpora).training
        teacher = build(training.model.config).eval().requires_grad_(False)
        training.objective = Healing(teacher, 2.0, hidden=1.0, layers=((0, 0), (1, 1)))
        examples: Any = training.examples
        examples.task = training.model.config.task
        training.examples = EveryPosition(examples)
        count(device, training)
    assert counts(device)[:2] == (0, 1), (device.mixed, device.waits)
    assert device.launches["_log_softmax"] == 2 * slices  # the student's and the teacher's


@dataclass
class Recorded:
    """Activations that nobody computed."""

    lengths: Any

    def read(self, point: HookPoint, indices: Any) -> tuple[Tensor, Tensor | None]:
        lengths = torch.from_numpy(self.lengths[indices])
        padding = torch.arange(int(lengths.max())) >= lengths[:, None]
        return torch.randn(*padding.shape, 32), padding


@pytest.mark.parametrize("name", ["mse", "cosine", "mse-scores", "ce-scores", "relation"])
def test_a_step_of_distilling_waits_once(name: str, corpora: Path) -> None:
    with Device() as device:
        model = make(CASES["masked-lm, rows"], corpora).training.model
        teacher: Any = model.encoder.blocks[1].mixer
        student = new_mixer(model.config, 1, AttentionConfig(heads=2, d_head=8), "encoder")
        wrapped = StudentLoss(student, criterion(name, Given(teacher.cpu()), student), "encoder", 32)
        examples = ActivationExamples(Recorded(np.arange(64) % 7 + 2), POINT, POINT)  # type: ignore[arg-type]
        training = prepare(
            wrapped, examples, objective, FitConfig(steps=9).training(), BatchConfig(size=8), ()
        )
        count(device, training)
    assert counts(device)[:2] == (0, 1), (device.mixed, device.waits)
