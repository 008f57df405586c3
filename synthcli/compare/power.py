"""What n pairs can tell: the smallest difference found with 80 % power, and how many pairs one needs.

σ, the deviation of a pair over seeds, is taken to be known; a comparison will estimate it. Its estimate is
σ² U/(n − 1), U from χ²(n − 1): power is a mean over U of the chance to be beyond the critical value it gives.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import special

from synthcli.compare.fiducial import inflations
from synthcli.compare.spread import LEVEL
from synthcli.evaluation.bootstrap import Array

POWER = 0.8
MOST = 1000  # pairs that anybody would be told to run
STEPS = 40  # of the probability of U, for the estimates that a comparison may make
OF_TAILS = 300  # likewise, for the tails of each
MOST_ERRORS = 10.0  # of the widest scale, that a critical value may be away
HALVINGS = 35


def power_of(difference: float, sigma: float, count: int, rest: float) -> float:
    """Return how often n pairs find a true difference; `rest` is the standard error that samples add."""
    error, values = math.hypot(sigma / math.sqrt(count), rest), _critical_values(sigma, count, rest, LEVEL)
    if error == 0:
        return float(difference != 0)
    beyond = special.ndtr((difference - values) / error) + special.ndtr((-difference - values) / error)
    return float(beyond.mean())


def equivalence_power(difference: float, margin: float, sigma: float, count: int, rest: float) -> float:
    """Return how often n pairs find a true difference to be within the margin."""
    values = margin - _critical_values(sigma, count, rest, 2 * LEVEL - 1)  # one-sided
    error = math.hypot(sigma / math.sqrt(count), rest)
    if error == 0:
        return float(abs(difference) < margin)
    within = special.ndtr((values - difference) / error) - special.ndtr((-values - difference) / error)
    return float(np.maximum(0, within).mean())


def smallest_difference(sigma: float, count: int, rest: float) -> float:
    """Return the true difference that n pairs find with 80 % power; infinite for one pair."""
    if count < 2:
        return math.inf
    low, high = 0.0, 2 * math.hypot(sigma / math.sqrt(count), rest)
    while high and power_of(high, sigma, count, rest) < POWER:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if power_of(middle, sigma, count, rest) < POWER else (low, middle)
    return high


def pairs_to_decide(difference: float, sigma: float, rest: float, margin: float) -> int | None:
    """Return how many pairs would decide, were the difference what it seems; None where no number does.

    A difference is to be found, or to be found within the margin, with 80 % power.
    """
    found = _fewest(lambda count: power_of(difference, sigma, count, rest))
    within = _fewest(lambda count: equivalence_power(difference, margin, sigma, count, rest))
    return min((count for count in (found, within) if count is not None), default=None)


def _fewest(power: Callable[[int], float]) -> int | None:
    """Return the fewest pairs of enough power, which grows with them."""
    if power(MOST) < POWER:
        return None
    return bisect_left(range(MOST), True, 2, key=lambda count: power(count) >= POWER)


@lru_cache(maxsize=1024)  # a search for a difference asks for the same ones again and again
def _critical_values(sigma: float, count: int, rest: float, level: float) -> Array:
    """Return the critical value for each estimate of σ: halved until found, all at once."""
    estimates = sigma * np.sqrt(1 / inflations(count - 1, STEPS) / count)
    scales = np.sqrt(np.outer(estimates**2, inflations(count - 1, OF_TAILS)) + rest**2)
    low, high = np.zeros(STEPS), scales.max(axis=1) * MOST_ERRORS
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            tails = special.ndtr(-middle[:, None] / scales).mean(axis=1)
        is_low = tails > (1 - level) / 2
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return high
