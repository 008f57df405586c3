"""Every schedule against numbers worked out by hand."""

import pytest

from synthcli.training.schedules import (
    SCHEDULES,
    ConstantConfig,
    CosineConfig,
    LinearScheduleConfig,
    NoamConfig,
    learning_rate,
)

CASES = {
    # 0.5 · 512^-½ = 0.02209709; · 100 · 4000^-1.5 and · 16000^-½
    "noam": (
        NoamConfig(factor=0.5, warmup_steps=4000),
        {100: 8.7346e-6, 4000: 3.49386e-4, 16000: 1.74693e-4},
    ),
    "cosine": (CosineConfig(peak=8e-4, warmup_steps=4), {1: 2e-4, 4: 8e-4, 8: 4e-4, 12: 0.0}),
    "linear": (
        LinearScheduleConfig(peak=8e-4, warmup_steps=4, floor=4e-4),
        {2: 4e-4, 4: 8e-4, 6: 7e-4, 12: 4e-4},
    ),
    "constant": (ConstantConfig(peak=3e-4, warmup_steps=3), {1: 1e-4, 3: 3e-4, 4: 3e-4, 12: 3e-4}),
}


def test_every_schedule_has_a_case() -> None:
    assert CASES.keys() == SCHEDULES.keys()


@pytest.mark.parametrize("kind", CASES)
def test_rates_are_those_worked_out_by_hand(kind: str) -> None:
    config, rates = CASES[kind]
    for step, rate in rates.items():
        assert learning_rate(config, step, 12, 512) == pytest.approx(rate, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(
    "config", [CosineConfig(peak=1.0), LinearScheduleConfig(peak=1.0), ConstantConfig(peak=1.0)]
)
def test_no_warm_up_starts_at_once(config) -> None:
    assert learning_rate(config, 1, 1000, 512) == pytest.approx(1.0, rel=2e-3)


def test_a_warm_up_longer_than_training_only_rises() -> None:
    rates = [learning_rate(CosineConfig(peak=1.0, warmup_steps=8), step, 4, 512) for step in range(1, 5)]
    assert rates == [0.125, 0.25, 0.375, 0.5]


@pytest.mark.parametrize(("warmup_steps", "steps"), [(4, 12), (1, 2), (16000, 400000), (5, 5), (0, 3)])
def test_a_cosine_after_a_warm_up_is_exact_at_its_edges(warmup_steps: int, steps: int) -> None:
    config = CosineConfig(peak=3e-4, warmup_steps=warmup_steps)
    rates = {step: learning_rate(config, step, steps, 512) for step in (1, warmup_steps, steps) if step}
    if warmup_steps:
        assert rates[1] == 3e-4 / warmup_steps
        assert rates[warmup_steps] == 3e-4
    if steps > warmup_steps:
        after = learning_rate(config, warmup_steps + 1, steps, 512)
        assert 0 <= after < 3e-4
        assert rates[steps] == 0


def test_a_cosine_falls_from_the_peak_to_its_floor() -> None:
    config = CosineConfig(peak=1.0, warmup_steps=10, floor=0.1)
    rates = [learning_rate(config, step, 50, 512) for step in range(1, 51)]
    assert rates.index(max(rates)) == 9
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[29] == pytest.approx(0.55)  # half way: the mean of peak and floor
    assert rates[-1] == 0.1


@pytest.mark.parametrize("kind", [CosineConfig, LinearScheduleConfig, ConstantConfig])
def test_a_warm_up_as_long_as_the_training_ends_at_the_peak(kind) -> None:
    assert learning_rate(kind(peak=0.5, warmup_steps=4), 4, 4, 8) == 0.5
