"""Trainings of another length have the same shape: the peak, and where in them it is."""

import pytest

from synthcli.presets import load_preset
from synthcli.presets.lengths import settings_for_steps
from synthcli.training.schedules import SCHEDULES

NOAM = ("wmt14-vanilla", "hour", 1500)
COSINE = ("srupp-enwik8-base", "smoke", None)
LINEAR = ("codeparrot-pre-norm", "smoke", None)


@pytest.mark.parametrize(("preset", "scale", "steps"), [NOAM, COSINE, LINEAR])
@pytest.mark.parametrize("times", [0.25, 0.5, 2, 3])
def test_the_same_rates_at_the_same_shares(preset: str, scale: str, steps: int | None, times: float) -> None:
    before = load_preset(preset, scale, None, [])
    was = before.training.steps
    assert was is not None and steps in (None, was)
    after = load_preset(preset, scale, None, settings_for_steps(before, round(was * times)))
    now = after.training.steps
    assert now == round(was * times)
    peaks = [
        max(
            SCHEDULES[one.training.schedule.kind](one.training.schedule, step, count, 64)
            for step in range(1, count + 1)
        )
        for one, count in ((before, was), (after, now))
    ]
    assert peaks[1] == pytest.approx(peaks[0], rel=0.02)
    shares = [one.training.schedule.warmup_steps / count for one, count in ((before, was), (after, now))]
    assert shares[1] == pytest.approx(shares[0], abs=1 / now)


def test_epochs_become_steps() -> None:
    paper = load_preset("wmt14-vanilla", "paper", None, [])
    after = load_preset("wmt14-vanilla", "paper", None, settings_for_steps(paper, 1000))
    assert (after.training.steps, after.training.epochs) == (1000, None)
