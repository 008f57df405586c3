"""Steps of training on the stand-in: nothing of the host gets in, and waits and launches stay few."""

from pathlib import Path

import pytest

from synthcli.model.ops.dispatch import uses_kernels
from tests.device.__main__ import count, counts
from tests.device.cases import CASES, make
from tests.device.double import Device

# waits and launches of a step, narrow and of two layers: lowered when they become fewer
BOUNDS = {
    "seq2seq": (8, 282),
    "seq2seq, dense": (8, 457),
    "denoising": (8, 497),
    "causal-lm, rows": (4, 223),
    "causal-lm, packed": (4, 173),
    "causal-lm, skipless": (4, 283),
    "streams": (4, 138),
    "streams, adaptive": (10, 278),
    "masked-lm, rows": (6, 165),
    "masked-lm, packed": (5, 315),
    "classes": (4, 159),
    "regression": (4, 217),
    "choice": (4, 226),
}


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
