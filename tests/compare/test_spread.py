"""Seeds and samples together: intervals cover, planted differences are found as often as is said."""

import math

import numpy as np
import pytest
from scipy import stats

from synthcli.compare.pairs import Pairs, bootstrap_differences
from synthcli.compare.power import equivalence_power, pairs_to_decide, power_of, smallest_difference
from synthcli.compare.spread import Floor, Spread, spread_of
from synthcli.compare.verdict import Contrast, decide, holm
from synthcli.evaluation.bootstrap import ratio

SAMPLES = 100
KINDS = {  # deviations over seeds, over samples, and of samples by seed
    "seeds": (0.3, 0.5, 0.5),
    "samples": (0.02, 2.0, 0.5),
    "samples by seed": (0.0, 1.0, 3.0),
}


def drawn(
    generator: np.random.Generator, kind: str, seeds: int, difference: float, floor: Floor | None = None
) -> Spread:
    """Return the spread of a comparison of means, whose true difference is known."""
    by_seed, by_sample, by_both = KINDS[kind]
    values = (
        difference
        + generator.normal(0, by_seed, (seeds, 1))
        + generator.normal(0, by_sample, (1, SAMPLES))
        + generator.normal(0, by_both, (seeds, SAMPLES))
    )
    ones = np.ones_like(values)
    pairs = Pairs(np.stack((values, ones), -1), np.stack((0 * ones, ones), -1), ratio)
    return spread_of(pairs, bootstrap_differences(pairs, 100, int(generator.integers(2**31))), floor)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [3, 6])
def test_intervals_cover(kind: str, seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    spreads = [drawn(generator, kind, seeds, 0.7) for _ in range(1000)]
    covered = [one.error.upper_tail(abs(one.difference - 0.7)) > 0.025 for one in spreads]
    assert 0.92 <= np.mean(covered) <= 0.99  # three standard errors are 0.02


def test_an_interval_holds_what_has_no_small_p_value() -> None:
    low, high = Spread(0.3, 4, 0.2, 3, 0.1, 0.1).interval()
    error = Spread(0.3, 4, 0.2, 3, 0.1, 0.1).error
    assert error.upper_tail(0.3 - low) == pytest.approx(0.025) == error.upper_tail(high - 0.3)


@pytest.mark.parametrize("seeds", [3, 5])
def test_equal_arms_are_seldom_better_or_worse(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    false = sum(drawn(generator, "seeds", seeds, 0.0).p_value() < 0.05 for _ in range(1000))
    assert false <= 65  # of 50 expected, two standard errors above


def test_a_planted_difference_is_found_as_often_as_is_said() -> None:
    generator, seeds = np.random.default_rng(1), 6
    by_seed, by_sample, by_both = KINDS["seeds"]
    sigma = math.sqrt(by_seed**2 + by_both**2 / SAMPLES)
    size = smallest_difference(sigma, seeds, by_sample / math.sqrt(SAMPLES))
    found = [drawn(generator, "seeds", seeds, size).p_value() < 0.05 for _ in range(1500)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_one_pair_has_no_spread_over_seeds_but_that_of_a_noise_floor() -> None:
    generator = np.random.default_rng(0)
    alone = drawn(generator, "seeds", 1, 5.0)
    assert alone.seeds is None
    assert decide([Contrast("arm", "m", alone, 0.1, True)])[0].word == "undecided"
    known = drawn(generator, "seeds", 1, 5.0, Floor(0.2, 10))
    assert known.is_floor and known.seeds == pytest.approx(0.2 * math.sqrt(2))
    assert decide([Contrast("arm", "m", known, 0.1, True)])[0].word == "better"
    assert not drawn(generator, "seeds", 4, 5.0, Floor(0.2, 10)).is_floor


def test_without_spread_over_samples_all_is_students() -> None:
    differences = np.array([0.1, 0.4, 0.2, 0.5])
    values = np.repeat(differences[:, None], 8, axis=1)
    ones = np.ones_like(values)
    pairs = Pairs(np.stack((values, ones), -1), np.stack((0 * ones, ones), -1), ratio)
    spread = spread_of(pairs, bootstrap_differences(pairs, 20))
    expected = stats.ttest_1samp(differences, 0)
    assert spread.p_value() == pytest.approx(expected.pvalue, rel=1e-3)
    assert spread.interval() == pytest.approx(tuple(expected.confidence_interval()), abs=1e-4)


def spread(difference: float, error: float, freedom: float = math.inf, count: int = 5) -> Spread:
    return Spread(difference, count, error, freedom, 0.0, 0.0)


def test_holm_by_hand() -> None:
    # 4 × 0.005, 3 × 0.01, 2 × 0.03, and the last is no smaller than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_equivalence_by_hand() -> None:
    # |0.1| is (0.5 − 0.1) / 0.2 = 2 standard errors within the margin
    assert spread(-0.1, 0.2).equivalence_p(0.5) == pytest.approx(0.02275, abs=1e-5)
    assert spread(0.5, 0.2).equivalence_p(0.5) == pytest.approx(0.5)
    assert spread(0.1, 0.2, freedom=4).equivalence_p(0.5) == pytest.approx(stats.t.sf(2, 4), abs=1e-4)


def test_verdicts_by_rule() -> None:
    contrasts = [
        Contrast("higher", "bleu", spread(2.0, 0.2), 0.5, True),
        Contrast("higher", "loss", spread(2.0, 0.2), 0.5, False),
        Contrast("same", "bleu", spread(0.05, 0.1), 0.5, True),
        Contrast("unknown", "bleu", spread(0.5, 0.5), 0.5, True),
    ]
    assert [one.word for one in decide(contrasts)] == ["better", "worse", "equivalent", "undecided"]
    # alone p = 0.045 is a difference; of two contrasts it is not
    close = Contrast("close", "bleu", spread(2.0, 1.0), 0.1, True)
    assert decide([close])[0].word == "better"
    assert [one.word for one in decide([close, close])] == ["undecided", "undecided"]


def test_the_seeds_that_would_decide() -> None:
    needed = pairs_to_decide(1.0, 1.0, 0.0, 0.1)
    assert needed == 10  # of 80 % power at d = 1, paired: Cohen's tables (1988)
    assert pairs_to_decide(0.3, 1.0, 0.3, 0.1) is None  # the samples' own error hides it
    within = pairs_to_decide(0.0, 1.0, 0.0, 1.0)
    assert within is not None and equivalence_power(0.0, 1.0, 1.0, within, 0.0) >= 0.8
    seen = Spread(0.8, 5, 1.0 / math.sqrt(5), 4, 0.0, 0.0)
    undecided = decide([Contrast("arm", "m", seen, 0.1, True)])[0]
    needed = pairs_to_decide(0.8, 1.0, 0.0, 0.1)
    assert needed is not None
    assert (undecided.word, undecided.more_seeds) == ("undecided", needed - 5)


@pytest.mark.parametrize("count", [3, 6, 20])
def test_power_is_that_of_students_test(count: int) -> None:
    size = smallest_difference(1.0, count, 0.0)
    critical, shift = stats.t.ppf(0.975, count - 1), size * math.sqrt(count)
    exact = stats.nct.sf(critical, count - 1, shift) + stats.nct.cdf(-critical, count - 1, shift)
    assert exact == pytest.approx(0.8, abs=0.005)
    assert power_of(0.0, 1.0, count, 0.0) == pytest.approx(0.05, abs=0.003)


def test_power_where_nothing_varies() -> None:
    assert smallest_difference(0.0, 5, 0.0) == 0.0
    assert (power_of(1.0, 0.0, 5, 0.0), power_of(0.0, 0.0, 5, 0.0)) == (1.0, 0.0)
    assert smallest_difference(1.0, 1, 0.0) == math.inf
