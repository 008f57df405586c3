"""Differences over seeds, against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from synthcli.compare.seeds import correlate_seeds, gain_of_pairs, sign_flip_floor, sign_flip_p, t_interval

DIFFERENCES = np.array([0.4, -0.1, 0.7, 0.3, 0.9])


def test_the_interval_is_scipys() -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.95)
    assert t_interval(DIFFERENCES) == pytest.approx((expected.low, expected.high))
    assert t_interval(DIFFERENCES[:1]) is None


def test_signs_are_flipped_as_scipy_flips_them() -> None:
    expected = stats.permutation_test((DIFFERENCES,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(DIFFERENCES) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("count", "floor"), [(1, 1.0), (3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_differences_of_one_sign_have_the_smallest_p_value(count: int, floor: float) -> None:
    assert sign_flip_p(np.arange(1.0, count + 1)) == sign_flip_floor(count) == floor


def test_of_many_pairs_signs_are_drawn() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 20)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    )
    assert sign_flip_p(differences) == pytest.approx(expected.pvalue, abs=0.01)


def test_what_pairing_saves() -> None:
    baseline = np.array([1.0, 2, 3, 5])
    arm = baseline + np.array([0.1, -0.1, 0.1, -0.1])
    assert correlate_seeds(arm, baseline) == pytest.approx(np.corrcoef(arm, baseline)[0, 1])
    gain = gain_of_pairs(arm, baseline)
    assert gain == pytest.approx((np.var(arm) + np.var(baseline)) / np.var(arm - baseline))
    assert correlate_seeds(arm[:2], baseline[:2]) is None
    assert gain_of_pairs(arm[:2], baseline[:2]) is None
    assert gain_of_pairs(baseline + 1, baseline) is None  # nothing is left
    assert correlate_seeds(np.ones(4), baseline) is None
