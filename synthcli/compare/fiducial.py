"""The error of a mean difference of which one part is estimated from few seeds, the other well known.

The error is a·T + b·Z, T being Student's with n − 1 degrees of freedom and Z normal: the fiducial
distribution of Behrens (1929) and Fisher (1935). With U from χ²(n − 1) it is normal of variance
a²(n − 1)/U + b², so that a tail is a mean over U, taken at equal steps of its probability. Where the first
part alone counts it is Student's, where the second does normal. Satterthwaite's degrees of freedom (1946),
the usual approximation, call 9 of 100 equal arms different with three seeds.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

from synthcli.evaluation.bootstrap import Array

STEPS = 2000  # of the probability of U
LARGEST = 1e4  # standard errors that a quantile may be away
HALVINGS = 60


@dataclass(frozen=True)
class ErrorDistribution:
    """a·T + b·Z of standard errors `over_seeds` = a and `known` = b; T has `freedom` degrees of freedom."""

    over_seeds: float
    freedom: float
    known: float

    def upper_tail(self, value: float) -> float:
        """Return the probability of more than `value`."""
        scales = np.sqrt(self.over_seeds**2 * inflations(self.freedom) + self.known**2)
        if not scales.any():
            return float(value < 0) + 0.5 * float(value == 0)
        return float(special.ndtr(-value / scales).mean())

    def quantile(self, upper: float) -> float:
        """Return the value that is exceeded with probability `upper`, which is less than ½."""
        low, high = 0.0, LARGEST * float(np.hypot(self.over_seeds, self.known))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.upper_tail(middle) > upper else (low, middle)
        return high


@cache
def inflations(freedom: float, steps: int = STEPS) -> Array:
    """Return (n − 1)/U at equal steps of the probability of U."""
    if np.isinf(freedom):
        return np.ones(1)
    shares = (np.arange(steps) + 0.5) / steps
    return np.asarray(freedom / stats.chi2.ppf(shares, freedom), dtype=np.float64)
