"""Fits of loss over compute: planted laws are found, multipliers by hand, intervals cover."""

import math

import numpy as np
import pytest
from scipy import stats

from synthcli.compare.ladder import Ladder, Multiplier, choose_degree
from synthcli.compare.ladder_error import error_of_means
from synthcli.compare.loss_law import LossLaw
from synthcli.evaluation.bootstrap import Array

COMPUTE = np.array([1e12, 2e12, 4e12, 8e12])
EXPONENT = 0.08
GAP = 0.03  # of log L, between the arms


def losses(compute: Array, factor: float, exponent: float = EXPONENT) -> Array:
    return factor * compute**-exponent


def plant(factors: tuple[float, float], exponents: tuple[float, float] = (EXPONENT, EXPONENT)) -> Ladder:
    """Return a ladder without noise: two seeds that are equal."""
    rows = [losses(COMPUTE, factor, b) for factor, b in zip(factors, exponents, strict=True)]
    return Ladder(np.array([COMPUTE, COMPUTE]), np.repeat(np.array(rows)[:, None], 2, axis=1))


def noisy(
    generator: np.random.Generator, rungs: int, seeds: int, shared: float = 0.0, bend: float = 0.0
) -> Ladder:
    """Return a ladder of two laws with noise of 0.4 %; `shared` is what a seed adds to all of its runs."""
    compute = np.geomspace(1e12, 8e12, rungs)
    middle = bend * (np.log(compute) - np.log(compute).mean()) ** 2
    laws = np.log([losses(compute, 30.0), losses(compute, 30.0 * math.exp(-GAP))]) - middle
    noise = generator.normal(0, 0.004, (2, seeds, rungs)) + generator.normal(0, shared, (1, seeds, 1))
    return Ladder(np.array([compute, compute]), np.exp(laws[:, None] + noise))


def test_planted_laws_are_found() -> None:
    ladder = plant((30.0, 28.0), (0.08, 0.11))
    for law, factor, exponent in zip(ladder.laws, (30.0, 28.0), (0.08, 0.11), strict=True):
        assert law.exponents(np.log(COMPUTE)) == pytest.approx(np.full(4, exponent))
        assert np.exp(law.log_losses(np.log(COMPUTE))) == pytest.approx(losses(COMPUTE, factor, exponent))
    assert ladder.residuals == pytest.approx(np.zeros((2, 4)), abs=1e-12)
    assert np.array(ladder.exponents(1)) == pytest.approx(np.full((3, 4), 0.11))


def test_a_fit_is_that_of_least_squares() -> None:
    ladder = noisy(np.random.default_rng(3), 5, 3)
    expected = stats.linregress(ladder.log_compute[0], ladder.means[0])
    assert ladder.laws[0].coefficients[1] == pytest.approx(expected.slope)
    assert ladder.laws[0].log_losses(np.zeros(1)) == pytest.approx(expected.intercept)
    bent = noisy(np.random.default_rng(3), 5, 3).bend(2)
    powers = np.polynomial.Polynomial.fit(bent.log_compute[0], bent.means[0], 2)
    assert bent.fits[0] == pytest.approx(powers(bent.log_compute[0]))
    assert bent.exponents()[0] == pytest.approx(-powers.deriv()(bent.log_compute[0]))


def test_an_interval_of_one_arm_is_students() -> None:
    ladder = noisy(np.random.default_rng(3), 5, 3)
    alone = Ladder(ladder.compute[:1], ladder.losses[:1])
    runs = np.tile(alone.log_compute[0], 3), alone.log_losses[0].ravel()
    found = stats.linregress(*runs)
    half = stats.t.ppf(0.975, 13) * found.stderr
    assert alone.error.freedom == 13 and alone.error.misfit_p is not None and alone.error.misfit_p > 0.05
    _, low, high = alone.exponents()
    assert (low[0], high[0]) == pytest.approx((-found.slope - half, -found.slope + half), rel=0.02)


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
    assert crossing.flops == pytest.approx(3e12, rel=1e-6)
    low, high = crossing.interval
    assert low is not None and high is not None
    assert low < 3e12 < high and high / low < 1.03  # of the points that are looked at
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


@pytest.mark.slow
@pytest.mark.parametrize(("rungs", "seeds"), [(3, 3), (4, 1), (4, 3), (6, 2)])
@pytest.mark.parametrize("shared", [0.0, 0.004])
def test_intervals_cover(rungs: int, seeds: int, shared: float) -> None:
    generator, truth = np.random.default_rng(10 * rungs + seeds), math.exp(GAP / EXPONENT)
    multipliers, exponents = [], []
    for _ in range(800):
        ladder = noisy(generator, rungs, seeds, shared)
        ladder = ladder.bend(choose_degree([ladder]))
        multipliers.append(holds(ladder.multiplier(rungs - 1), truth))
        _, lows, highs = ladder.exponents()
        exponents.append(lows[0] <= EXPONENT <= highs[0])
    assert 0.93 <= np.mean(multipliers) <= 0.97 and 0.93 <= np.mean(exponents) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("bend", [0.005, 0.02])
def test_intervals_of_bent_laws_cover(bend: float) -> None:
    generator = np.random.default_rng(1)
    # the baseline is as good as the arm at x where b x + c x² = b x_last + c x_last² + gap
    last = math.log(8) / 2
    level = EXPONENT * last + bend * last**2 + GAP
    needed = (math.sqrt(EXPONENT**2 + 4 * bend * level) - EXPONENT) / (2 * bend)
    found = []
    for _ in range(800):
        ladder = noisy(generator, 4, 3, 0.004, bend)
        found.append(holds(ladder.bend(choose_degree([ladder])).multiplier(3), math.exp(needed - last)))
    assert 0.93 <= np.mean(found) <= 0.97


def holds(found: Multiplier | None, truth: float) -> bool:
    """Return whether an interval holds the true multiplier."""
    assert found is not None
    low, high = found.interval
    return (low or 0) <= truth <= (high or math.inf)


def test_a_law_may_bend_where_rungs_and_seeds_tell() -> None:
    generator = np.random.default_rng(0)
    degrees = {
        (rungs, seeds): choose_degree([noisy(generator, rungs, seeds)])
        for rungs, seeds in [(3, 5), (4, 1), (4, 2), (6, 3)]
    }
    assert degrees == {(3, 5): 1, (4, 1): 1, (4, 2): 2, (6, 3): 2}
    assert noisy(generator, 3, 3).bend(2).degree == 1


@pytest.mark.parametrize("bend", [-0.02, 0.0, 0.02])
def test_the_compute_of_a_loss_is_that_which_has_it(bend: float) -> None:
    law = LossLaw(28.0, np.array([1.1, -0.08, bend]))
    points = np.array([27.0, 28.0, 29.0])
    assert [law.log_compute(y) for y in law.log_losses(points)] == pytest.approx(points)
    if bend:  # beyond its lowest, or its highest, it is nowhere
        assert law.log_compute(law.log_losses(np.array([28 + 0.08 / 2 / bend]))[0] - bend) == bend * math.inf
    rises = LossLaw(28.0, np.array([1.1, 0.08]))
    assert [rises.log_compute(np.array(y)) for y in (1.0, 1.2)] == [math.inf, -math.inf]
