"""Fits of loss over compute: planted laws are found, multipliers by hand, intervals cover."""

import math

import numpy as np
import pytest
from scipy import stats

from synthcli.compare.ladder import Ladder
from synthcli.compare.ladder_error import error_of_means
from synthcli.evaluation.sampled import Array

COMPUTE = np.array([1e12, 2e12, 4e12, 8e12])
EXPONENT = 0.08
GAP = 0.03  # of log L, between the arms


def losses(compute: Array, factor: float, exponent: float = EXPONENT) -> Array:
    return factor * compute**-exponent


def plant(factors: tuple[float, float], exponents: tuple[float, float] = (EXPONENT, EXPONENT)) -> Ladder:
    """Return a ladder without noise: two seeds that are equal."""
    rows = [losses(COMPUTE, factor, b) for factor, b in zip(factors, exponents, strict=True)]
    return Ladder(np.array([COMPUTE, COMPUTE]), np.repeat(np.array(rows)[:, None], 2, axis=1))


def noisy(generator: np.random.Generator, rungs: int, seeds: int, shared: float = 0.0) -> Ladder:
    """Return a ladder of two laws with noise of 0.4 %; `shared` is what a seed adds to all of its runs."""
    compute = np.geomspace(1e12, 8e12, rungs)
    laws = np.log([losses(compute, 30.0), losses(compute, 30.0 * math.exp(-GAP))])
    noise = generator.normal(0, 0.004, (2, seeds, rungs)) + generator.normal(0, shared, (1, seeds, 1))
    return Ladder(np.array([compute, compute]), np.exp(laws[:, None] + noise))


def test_planted_laws_are_found() -> None:
    ladder = plant((30.0, 28.0), (0.08, 0.11))
    for law, factor, exponent in zip(ladder.laws, (30.0, 28.0), (0.08, 0.11), strict=True):
        assert float(law.exponent) == pytest.approx(exponent)
        assert math.exp(float(law.intercept)) == pytest.approx(factor)
    assert ladder.residuals == pytest.approx(np.zeros((2, 4)), abs=1e-12)
    assert ladder.exponent_interval(1) == pytest.approx((0.11, 0.11))


def test_a_fit_is_that_of_least_squares() -> None:
    ladder = noisy(np.random.default_rng(3), 5, 3)
    expected = stats.linregress(ladder.log_compute[0], ladder.means[0])
    assert float(ladder.laws[0].exponent) == pytest.approx(-expected.slope)
    assert float(ladder.laws[0].intercept) == pytest.approx(expected.intercept)


def test_an_interval_of_one_arm_is_students() -> None:
    ladder = noisy(np.random.default_rng(3), 5, 3)
    alone = Ladder(ladder.compute[:1], ladder.losses[:1])
    runs = np.tile(alone.log_compute[0], 3), alone.log_losses[0].ravel()
    found = stats.linregress(*runs)
    half = stats.t.ppf(0.975, 13) * found.stderr
    assert alone.error.freedom == 13 and alone.error.misfit_p is not None and alone.error.misfit_p > 0.05
    assert alone.exponent_interval() == pytest.approx((-found.slope - half, -found.slope + half), rel=0.02)


def test_a_multiplier_by_hand() -> None:
    # the baseline has 30 C^-½, the arm 15 C^-½: as good with (30/15)² = 4 times the compute
    ladder = plant((30.0, 15.0), (0.5, 0.5))
    first, second = ladder.multiplier(0), ladder.multiplier(1)
    assert first is not None and second is not None
    assert first.value == pytest.approx(4.0) and first.interval == pytest.approx((4.0, 4.0))
    assert first.limits == pytest.approx((0.5, 16.0)) and first.bound is None
    assert second.value == pytest.approx(4.0)


def test_no_fit_is_read_further_out_than_twice_the_range() -> None:
    ladder = plant((30.0, 15.0), (0.5, 0.5))
    last = ladder.multiplier(3)  # 4 · 8e12 is more than 2 · 8e12
    assert last is not None and last.value is None
    assert (last.bound, last.limits[1]) == ("at least", pytest.approx(2.0))
    assert last.interval == (None, None)
    worse = plant((15.0, 30.0), (0.5, 0.5)).multiplier(0)  # 1e12 / 4 is less than 1e12 / 2
    assert worse is not None and (worse.value, worse.bound) == (None, "at most")
    assert worse.limits[0] == pytest.approx(0.5)


def test_what_does_not_fall_has_no_multiplier() -> None:
    assert plant((2.0, 3.0), (-0.1, 0.1)).multiplier(3) is None


def test_fits_cross_where_they_are_planted() -> None:
    # a C^-0.1 = b C^-0.2 at C = (b/a)^10 = 3e12
    ladder = plant((1.0, 3e12**0.1), (0.1, 0.2))
    (crossing,) = ladder.crossings()
    assert crossing["flops"] == pytest.approx(3e12, rel=1e-6)
    low, high = crossing["interval"]  # type: ignore[misc]
    assert low < 3e12 < high and high / low < 1.02  # of the points that are looked at
    assert plant((1.0, 1e14**0.1), (0.1, 0.2)).crossings() == []
    apart = Ladder(np.array([COMPUTE, COMPUTE * 100]), ladder.losses)
    assert apart.crossings() == []


def test_an_error_by_hand() -> None:
    # two arms, two seeds, three rungs; fits lie 1 below the first mean of the first arm
    runs = np.array([[[1.0, 2, 3], [3.0, 2, 5]], [[0.0, 0, 0], [2.0, 4, 0]]])
    means = np.array([[2.0, 2, 4], [1.0, 2, 0]])
    fits = means - np.array([[1.0, 0, 0], [0, 0, 0]])
    # within: 2·(1 + 0 + 1) + 2·(1 + 4 + 0) = 14, of which a seed's mean ±5/6 takes 2·6·25/36 = 8⅓
    pure, misfit = 14 - 25 / 3, 2.0
    found = error_of_means(runs, fits, 4)
    assert found.freedom == 2 + 5 and found.variance == pytest.approx((pure + misfit) / 7 / 2)
    assert found.misfit_p == pytest.approx(stats.f.sf((misfit / 2) / (pure / 5), 2, 5))
    far = error_of_means(runs, fits - 100 * (fits != means), 4)
    assert far.freedom == 2 and far.variance == pytest.approx(2 * 101**2 / 2 / 2)


@pytest.mark.parametrize(("rungs", "seeds"), [(3, 3), (4, 1), (4, 3), (6, 2)])
@pytest.mark.parametrize("shared", [0.0, 0.004])
def test_intervals_cover(rungs: int, seeds: int, shared: float) -> None:
    generator, truth = np.random.default_rng(seeds), math.exp(GAP / EXPONENT)
    multipliers, exponents = [], []
    for _ in range(800):
        ladder = noisy(generator, rungs, seeds, shared)
        found = ladder.multiplier(rungs - 1)
        assert found is not None
        low, high = found.interval
        multipliers.append((low or 0) <= truth <= (high or math.inf))
        low, high = ladder.exponent_interval()
        exponents.append(low <= EXPONENT <= high)
    assert 0.93 <= np.mean(multipliers) <= 0.97 and 0.93 <= np.mean(exponents) <= 0.97
