"""How sure the mean losses of a ladder are: over seeds, and where the rungs lie off their fits.

A run's log L varies about its arm's fit. Seeds are blocks (Fisher 1935): what a seed adds to all runs of both
arms is no error of their difference. Two estimates of the variance that is left:

pure    of the runs about the means of their rung          (A·R − 1)(S − 1) degrees of freedom
misfit  of S times the means about the fits                A·(R − k)

for A arms, R rungs, S seeds, k parameters of a fit. Where misfit is larger than pure allows (F test,
p < 0.05), the fit is off by more than seeds explain, and the misfit alone is the error; else both are one
estimate. With few seeds a bootstrap over them has intervals that are too narrow; draws of Student's t with
these degrees of freedom have not.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from synthcli.evaluation.bootstrap import Array

SIGNIFICANT = 0.05
SEED = 12345


@dataclass(frozen=True)
class MeanError:
    """The variance of a mean of log losses over seeds; `misfit_p` is None of one seed."""

    variance: float
    freedom: int
    misfit_p: float | None

    def draw(self, means: Array, draws: int) -> Array:
        """Return what the true means may be (draws, arms, rungs): `means` and Student's t of this error."""
        generator = np.random.default_rng(SEED)
        scales = np.sqrt(self.variance * self.freedom / generator.chisquare(self.freedom, (draws, 1, 1)))
        return np.asarray(means + scales * generator.standard_normal((draws, *means.shape)))


def error_of_means(log_losses: Array, fits: Array, parameters: int) -> MeanError:
    """Return the error of log L (arms, seeds, rungs) about fits (arms, rungs) of `parameters` in all.

    Seeds are blocks of several arms; of one arm alone they are error as well.
    """
    arms, seeds, rungs = log_losses.shape
    means = log_losses.mean(axis=1)
    misfit, misfit_freedom = seeds * float(((means - fits) ** 2).sum()), arms * rungs - parameters
    within = log_losses - means[:, None]
    pure, freedom = float((within**2).sum()), arms * rungs * (seeds - 1)
    if arms > 1:
        pure -= arms * rungs * float((within.mean(axis=(0, 2)) ** 2).sum())
        freedom -= seeds - 1
    p = _misfit_p(misfit / misfit_freedom, misfit_freedom, pure / freedom, freedom) if freedom else None
    if p is not None and p >= SIGNIFICANT:
        misfit, misfit_freedom = misfit + pure, misfit_freedom + freedom
    return MeanError(misfit / misfit_freedom / seeds, misfit_freedom, p)


def _misfit_p(misfit: float, misfit_freedom: int, pure: float, freedom: int) -> float:
    if pure == 0:
        return float(misfit == 0)
    return float(stats.f.sf(misfit / pure, misfit_freedom, freedom))
