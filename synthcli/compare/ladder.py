"""Two arms over compute: how much of it the baseline needs to be as good, and where their fits cross.

The compute multiplier of an arm at a rung is C_baseline(L) / C, where the arm has the mean loss L after C
FLOPs, and the baseline's fit has it after C_baseline(L): 1.2 is 20 % more compute to be as good.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from synthcli.compare.ladder_error import MeanError, error_of_means
from synthcli.compare.loss_law import BENT, STRAIGHT, LossLaw, fit_law
from synthcli.evaluation.bootstrap import LEVEL as PER_CENT
from synthcli.evaluation.bootstrap import Array

FEWEST = 3  # rungs
FEWEST_BENT = 4  # rungs of fits that bend
BEYOND = 2.0  # times the most or the least that the baseline ran: no fit is read further out
DRAWS = 4000
POINTS = 200  # of the range where fits may cross
TAILS = ((100 - PER_CENT) / 2, (100 + PER_CENT) / 2)
Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Multiplier:
    """`value` is None where the baseline's fit would be read too far out: then `bound` says on which side.

    Its `limits` are the multipliers that can be told; an end of the interval that is beyond them is None.
    """

    value: float | None
    bound: str | None
    interval: Interval
    limits: tuple[float, float]


@dataclass(frozen=True)
class Crossing:
    """Where two fits cross, and where their difference may be 0; an end that no rung tells is None."""

    flops: float
    interval: Interval


@dataclass(frozen=True)
class Ladder:
    """Losses (arms, seeds, rungs) of one arm, or of the baseline and an arm, after FLOPs (arms, rungs)."""

    compute: Array
    losses: Array
    degree: int = STRAIGHT

    @property
    def rungs(self) -> int:
        return int(self.compute.shape[1])

    @property
    def seeds(self) -> int:
        return int(self.losses.shape[1])

    def bend(self, degree: int) -> "Ladder":
        """Return the same with fits of a degree, or of the one that so many rungs allow."""
        return replace(self, degree=max(STRAIGHT, min(degree, self.rungs - 2)))

    @cached_property
    def log_compute(self) -> Array:
        return np.log(self.compute)

    @cached_property
    def log_losses(self) -> Array:
        return np.log(self.losses)

    @cached_property
    def means(self) -> Array:
        """Mean log L (arms, rungs)."""
        return np.asarray(self.log_losses.mean(axis=1))

    @cached_property
    def laws(self) -> list[LossLaw]:
        return [fit_law(x, y, self.degree) for x, y in zip(self.log_compute, self.means, strict=True)]

    @cached_property
    def fits(self) -> Array:
        """Log L of the laws (arms, rungs)."""
        return np.array([law.log_losses(x) for law, x in zip(self.laws, self.log_compute, strict=True)])

    @cached_property
    def error(self) -> MeanError:
        return error_of_means(self.log_losses, self.fits, (self.degree + 1) * len(self.laws))

    @cached_property
    def mean_draws(self) -> Array:
        """What the true means may be (draws, arms, rungs)."""
        return self.error.draw(self.means, DRAWS)

    @cached_property
    def law_draws(self) -> list[LossLaw]:
        """The laws of every draw, an arm each."""
        return [fit_law(x, self.mean_draws[:, arm], self.degree) for arm, x in enumerate(self.log_compute)]

    @property
    def residuals(self) -> Array:
        """Mean log L − that of the fit (arms, rungs)."""
        return self.means - self.fits

    def exponents(self, arm: int = 0) -> tuple[Array, Array, Array]:
        """Return −d log L / d log C of the fit at every rung, and where it is."""
        low, high = np.percentile(self.law_draws[arm].exponents(self.log_compute[arm]), TAILS, axis=0)
        return self.laws[arm].exponents(self.log_compute[arm]), low, high

    def band(self, compute: Array, arm: int = 0) -> tuple[Array, Array, Array]:
        """Return losses of the fit at `compute`, and where they are, point by point."""
        drawn = self.law_draws[arm].log_losses(np.log(compute))
        low, high = np.percentile(drawn, TAILS, axis=0)
        return np.exp(self.laws[arm].log_losses(np.log(compute))), np.exp(low), np.exp(high)

    def multiplier(self, rung: int) -> Multiplier | None:
        """Return the multiplier of the arm at a rung; None where the baseline's loss does not fall."""
        if not self.fits[0, self.compute[0].argmax()] < self.fits[0, self.compute[0].argmin()]:
            return None
        edges = self.log_compute[0].min() - np.log(BEYOND), self.log_compute[0].max() + np.log(BEYOND)
        own = self.log_compute[1, rung]
        needed = float(np.clip(self.laws[0].log_compute(self.means[1, rung]), *edges))
        drawn = np.clip(self.law_draws[0].log_compute(self.mean_draws[:, 1, rung]), *edges)
        ends = [float(end) for end in np.percentile(drawn, TAILS)]
        bound = "at most" if needed == edges[0] else "at least" if needed == edges[1] else None
        low, high = (None if end in edges else float(np.exp(end - own)) for end in ends)
        limits = float(np.exp(edges[0] - own)), float(np.exp(edges[1] - own))
        return Multiplier(None if bound else float(np.exp(needed - own)), bound, (low, high), limits)

    def crossings(self) -> list[Crossing]:
        """Return where the fits cross within the range that both ran."""
        low, high = self.log_compute.min(axis=1).max(), self.log_compute.max(axis=1).min()
        if low >= high:
            return []
        points = np.linspace(low, high, POINTS)
        gap = self.laws[1].log_losses(points) - self.laws[0].log_losses(points)
        drawn = self.law_draws[1].log_losses(points) - self.law_draws[0].log_losses(points)
        below, above = np.percentile(drawn, TAILS, axis=0)
        differ = np.flatnonzero((below > 0) | (above < 0))
        changes = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0)
        return [
            Crossing(float(np.exp(_zero(points, gap, at))), _between(points, differ, at))
            for at in changes.tolist()
        ]


def choose_degree(arms: Iterable[Ladder]) -> int:
    """Return the degree of the fits of all arms: they may bend where rungs and seeds tell a bend from noise.

    A test for the bend would miss small ones: intervals of straight fits then hold the truth in 80 of 100.
    """
    return BENT if all(arm.rungs >= FEWEST_BENT and arm.seeds > 1 for arm in arms) else STRAIGHT


def _zero(points: Array, gap: Array, at: int) -> float:
    """Return where a straight line through two points is 0."""
    share = gap[at] / (gap[at] - gap[at + 1])
    return float(points[at] + share * (points[at + 1] - points[at]))


def _between(points: Array, outside: npt.NDArray[np.int64], at: int) -> Interval:
    """Return the nearest points outside on both sides, None where there is none."""
    left, right = outside[outside <= at], outside[outside > at]
    low = float(np.exp(points[left[-1]])) if len(left) else None
    high = float(np.exp(points[right[0]])) if len(right) else None
    return low, high
