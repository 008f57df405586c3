"""How a difference varies over seeds: paired t (Student 1908), and the exact sign-flip test (Fisher 1935)."""

import math
from itertools import product

import numpy as np
from scipy import stats

from synthcli.evaluation.bootstrap import Array

EXACT = 16  # pairs whose 2ⁿ signs are all tried; of more, as many are drawn
EQUAL = 1e-12  # relative: sums of the same numbers in another order


def t_interval(differences: Array, level: float = 0.95) -> tuple[float, float] | None:
    """Return d̄ ± t(n − 1) s/√n; None for one pair, which says nothing of its spread."""
    count = len(differences)
    if count < 2:
        return None
    error = float(np.std(differences, ddof=1)) / math.sqrt(count)
    half, centre = float(stats.t.ppf((1 + level) / 2, count - 1)) * error, float(np.mean(differences))
    return centre - half, centre + half


def sign_flip_p(differences: Array, seed: int = 0) -> float:
    """Return the share of all signs of the differences whose mean is as far from 0: two-sided, exact."""
    sums = np.abs(_signs(len(differences), seed) @ differences)
    return float((sums >= abs(float(np.sum(differences))) * (1 - EQUAL)).mean())


def sign_flip_floor(count: int) -> float:
    """Return the smallest p-value that the sign-flip test of n pairs can have: 2/2ⁿ."""
    return min(1.0, 2.0 ** (1 - count))


def correlate_seeds(arm: Array, baseline: Array) -> float | None:
    """Return how far equal seeds go together (Pearson); None where an arm does not vary, or of two pairs."""
    if len(arm) < 3 or np.std(arm) == 0 or np.std(baseline) == 0:
        return None
    return float(np.corrcoef(arm, baseline)[0, 1])


def gain_of_pairs(arm: Array, baseline: Array) -> float | None:
    """Return how many unpaired seeds a pair is worth: (σ_a² + σ_b²) / σ_d²."""
    if len(arm) < 3:
        return None
    paired = float(np.var(arm - baseline, ddof=1))
    return None if paired == 0 else float(np.var(arm, ddof=1) + np.var(baseline, ddof=1)) / paired


def _signs(count: int, seed: int) -> Array:
    if count <= EXACT:
        return np.array(list(product((-1.0, 1.0), repeat=count)))
    drawn = np.random.default_rng(seed).integers(0, 2, (2**EXACT, count)) * 2.0 - 1
    return np.concatenate((np.ones((1, count)), drawn))  # the actual one is among them
