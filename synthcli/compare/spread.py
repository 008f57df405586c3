"""How sure a mean difference is: over seeds, over test samples, and over both together.

The variance of the mean of n pairs is σ²/n over seeds + v over samples − i, where i is counted in both: how
far samples differ by seed (Owen 2007, the pigeonhole bootstrap, has it too often likewise). With u the mean
variance of a single pair over samples, i = (u − v)/(n − 1).
"""

import math
from dataclasses import dataclass

import numpy as np

from synthcli.compare.fiducial import ErrorDistribution
from synthcli.compare.pairs import Pairs
from synthcli.evaluation.bootstrap import Array

LEVEL = 0.95
FEW = 3  # pairs whose own spread says less than a noise floor


@dataclass(frozen=True)
class Floor:
    """The deviation σ of a run's figure over seeds, known from `count` of them."""

    sigma: float
    count: int

    @property
    def of_differences(self) -> float:
        """σ of the difference of two runs; what pairing saves is not known beforehand."""
        return math.sqrt(2) * self.sigma


@dataclass(frozen=True)
class Spread:
    """Standard errors of the mean difference of `count` pairs: over seeds, and over samples.

    `seeds` is None where nothing says it, else it is known with `freedom` degrees of freedom, and of a noise
    floor where `is_floor`. `rest` is what samples add to seeds: √(v − i).
    """

    difference: float
    count: int
    seeds: float | None
    freedom: float
    samples: float
    rest: float
    is_floor: bool = False

    @property
    def both(self) -> float:
        """The standard error over seeds and samples together."""
        return math.hypot(self.seeds or 0.0, self.rest)

    @property
    def error(self) -> ErrorDistribution:
        """How the mean difference varies about the true one."""
        return ErrorDistribution(self.seeds or 0.0, self.freedom, self.rest)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return where the true difference is, with this confidence."""
        half = self.error.quantile((1 - level) / 2)
        return self.difference - half, self.difference + half

    def p_value(self) -> float:
        """Return the two-sided p-value of no difference."""
        return min(1.0, 2 * self.error.upper_tail(abs(self.difference)))

    def equivalence_p(self, margin: float) -> float:
        """Return the p-value of a difference of `margin` or more: two one-sided tests (Schuirmann 1987)."""
        return self.error.upper_tail(margin - abs(self.difference))


def spread_of(pairs: Pairs, resampled: Array, floor: Floor | None = None) -> Spread:
    """Return the spread of the mean difference; `resampled` (resamples, seeds) are differences."""
    differences, count = pairs.differences(), pairs.seeds
    seeds, freedom, is_floor = _over_seeds(differences, floor)
    over_samples = rest = float(np.var(resampled.mean(axis=1), ddof=1))
    if count > 1 and not is_floor:
        single = float(np.var(resampled, axis=0, ddof=1).mean())
        rest -= max(0.0, single - over_samples) / (count - 1)
    return Spread(
        float(differences.mean()),
        count,
        seeds,
        freedom,
        math.sqrt(over_samples),
        math.sqrt(max(0.0, rest)),
        is_floor,
    )


def _over_seeds(differences: Array, floor: Floor | None) -> tuple[float | None, float, bool]:
    """Return the standard error over seeds, its degrees of freedom, and whether it is that of the floor."""
    count = len(differences)
    if floor is not None and count <= FEW:
        return floor.of_differences / math.sqrt(count), floor.count - 1, True
    if count < 2:
        return None, math.inf, False
    return float(np.std(differences, ddof=1)) / math.sqrt(count), count - 1, False
