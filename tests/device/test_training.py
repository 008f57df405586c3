"""Steps of training on the stand-in: nothing of the host gets in, and waits and launches stay few."""

from pathlib import Path

import pytest

from synthcli.model.ops.dispatch import uses_kernels
from tests.device.__main__ import count, counts
from tests.device.cases import CASES, make
from tests.device.double import Device

# waits and launches of a step, narrow and of two layers: lowered when they become fewer
BOUNDS = {
    "seq2seq": (11, 461),
    "seq2seq, dense": (11, 557),
    "denoising": (11, 629),
    "causal-lm, rows": (5, 252),
    "causal-lm, packed": (5, 262),
    "causal-lm, skipless": (5, 335),
    "streams": (5, 158),
    "streams, adaptive": (11, 313),
    "masked-lm, rows": (9, 232),
    "masked-lm, packed": (8, 350),
    "classes": (4, 228),
    "regression": (6, 243),
    "choice": (4, 255),
}


@pytest.mark.parametrize("name", CASES)
def test_a_step_mixes_nothing_and_waits_seldom(name: str, corpora: Path) -> None:
    with Device() as device:
        count(device, make(CASES[name], corpora).training)
        mixed, waits, launches = counts(device)
    assert not mixed, device.mixed
    assert waits <= BOUNDS[name][0], device.waits
    if (
        uses_kernels("cpu") or "streams" not in name
    ):  # in plain torch a recurrence has some for every position
        assert launches <= BOUNDS[name][1], device.launches
