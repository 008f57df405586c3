"""Steps of training on the stand-in: nothing of the host gets in, and waits and launches stay few."""

from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.model.ops.dispatch import uses_kernels
from synthcli.training.interrupts import interrupts
from synthcli.training.step import take_step
from synthcli.training.validation import Validation
from tests.device.__main__ import count, counts
from tests.device.cases import CASES, make
from tests.device.double import Device

# waits and launches of a step, narrow and of two layers: lowered when they become fewer
BOUNDS = {
    "seq2seq": (1, 277),
    "seq2seq, dense": (1, 452),
    "denoising": (1, 492),
    "causal-lm, rows": (1, 220),
    "causal-lm, packed": (1, 170),
    "causal-lm, skipless": (1, 280),
    "streams": (1, 126),
    "streams, adaptive": (1, 267),
    "masked-lm, rows": (1, 162),
    "masked-lm, packed": (1, 312),
    "classes": (1, 150),
    "regression": (1, 215),
    "choice": (1, 223),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seq2seq", "streams, adaptive", "masked-lm, packed", "regression"])
def test_micro_batches_do_not_wait_each(name: str, corpora: Path) -> None:
    case = replace(CASES[name], settings=(*CASES[name].settings, "data.batch.micro_size=3"))
    with Device() as device:
        count(device, make(case, corpora).training)
    assert counts(device)[:2] == (0, 1), (device.mixed, device.waits)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_validation_mixes_nothing_and_waits_once_a_batch(name: str, corpora: Path) -> None:
    with Device() as device:
        made = make(CASES[name], corpora)
        validation = Validation(made.validation, 8)
        device.begin()
        evaluation = validation.evaluate(made.training)
        made.training.close()
    assert evaluation.targets > 0 and not device.mixed
    examples = min(len(made.validation), made.experiment.training.validation_examples)
    assert device.waits.total() == -(-examples // 8), device.waits


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seq2seq", "streams", "masked-lm, rows"])
def test_batches_made_ahead_change_nothing(name: str, corpora: Path) -> None:
    losses = []
    for is_ahead in (True, False):
        with Device(), interrupts() as interrupt:
            training = make(CASES[name], corpora).training
            assert training.ahead is not None
            training.ahead = training.ahead if is_ahead else None
            losses.append([take_step(training, interrupt).loss for _ in range(4)])
            training.close()
    assert losses[0] == losses[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_step_mixes_nothing_and_waits_seldom(name: str, corpora: Path) -> None:
    with Device() as device:
        count(device, make(CASES[name], corpora).training)
        mixed, waits, launches = counts(device)
    assert not mixed, device.mixed
    assert waits <= BOUNDS[name][0], device.waits
    # in plain torch a recurrence is some launches for every position
    if uses_kernels("cpu") or "streams" not in name:
        assert launches <= BOUNDS[name][1], device.launches


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_nothing_is_zeros_for_every_parameter(name: str, corpora: Path) -> None:
    """What several processes begin with: each of them waits for every parameter."""
    training = make(CASES[name], corpora).training
    with training.precision.autocast(training.device):
        loss = training.loss_of_nothing()
    loss.backward()
    assert loss.detach() == 0 and not training.carried
    for label, parameter in training.model.named_parameters():
        assert parameter.grad is not None and not parameter.grad.any(), label
