"""Second moments of pairs of rows (x, y), in float64, a piece at a time: all that least squares needs.

They are summed where the model is: contexts are computed there, and d² products a token are the larger work.
Cards of data centres do float64 at half the rate of float32; consumers' at a 64th, still about what a
processor does. What is solved from the sums is small and chosen step by step, each a wait for a GPU: that is
left to the processor. (Reckoned from the rates that makers give, not measured.)
"""

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from synthcli.compress.activations.cache import CPU, ActivationCache
from synthcli.compress.activations.hook_points import HookPoint

SUMS = ("sum_x", "sum_y", "xx", "xy", "yy")
PIECE = 8192  # rows at once
CHECKED = 5  # one row in so many checks what the others say


@dataclass(frozen=True)
class Moments:
    """n, Σx, Σy, Σxxᵀ, Σxyᵀ, Σyyᵀ over rows; where rows count by weights, n is their sum."""

    count: float
    sum_x: Tensor
    sum_y: Tensor
    xx: Tensor  # (d_x, d_x)
    xy: Tensor  # (d_x, d_y)
    yy: Tensor  # (d_y, d_y)

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> "Moments":
        """Return the moments of rows (n, d_x) and (n, d_y)."""
        x, y = x.double(), y.double()
        return cls(len(x), x.sum(0), y.sum(0), x.mT @ x, x.mT @ y, y.mT @ y)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.sum_x + other.sum_x,
            self.sum_y + other.sum_y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def on_processor(self) -> "Moments":
        """Return the same, where equations are solved."""
        return Moments(self.count, *(getattr(self, name).cpu() for name in SUMS))

    @property
    def mean_x(self) -> Tensor:
        return self.sum_x / self.count

    @property
    def mean_y(self) -> Tensor:
        return self.sum_y / self.count

    @property
    def covariance(self) -> Tensor:
        """Return E[(x − x̄)(x − x̄)ᵀ]."""
        return self.xx / self.count - torch.outer(self.mean_x, self.mean_x)

    @property
    def cross(self) -> Tensor:
        """Return E[(x − x̄)(y − ȳ)ᵀ]  (d_x, d_y)."""
        return self.xy / self.count - torch.outer(self.mean_x, self.mean_y)

    @property
    def covariance_y(self) -> Tensor:
        return self.yy / self.count - torch.outer(self.mean_y, self.mean_y)

    @property
    def variance(self) -> float:
        """Return E‖y − ȳ‖², what the mean predictor leaves."""
        return float(self.covariance_y.trace())

    def error(self, weight: Tensor, bias: Tensor) -> float:
        """Return E‖y − W x − b‖² of a linear map; `weight` (d_y, d_x)."""
        w = weight.double()
        rest = self.mean_y - w @ self.mean_x - bias.double()
        explained = 2 * (w.mT * self.cross).sum() - ((w @ self.covariance) * w).sum()
        return float(self.covariance_y.trace() - explained + rest @ rest)


def sum_moments(pairs: Iterable[tuple[Tensor, Tensor]]) -> Moments:
    """Return the moments of all pairs of rows, on the processor."""
    return reduce(operator.add, (Moments.of(x, y) for x, y in pairs)).on_processor()


@dataclass(frozen=True)
class SplitMoments:
    """The moments of a text in two parts: what is learnt from one is checked on the other."""

    learn: Moments
    check: Moments

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> "SplitMoments":
        """Split rows, neighbours together."""
        at = len(x) - len(x) // CHECKED
        return cls(Moments.of(x[:at], y[:at]), Moments.of(x[at:], y[at:]))

    def __add__(self, other: "SplitMoments") -> "SplitMoments":
        return SplitMoments(self.learn + other.learn, self.check + other.check)

    @property
    def whole(self) -> Moments:
        return self.learn + self.check


def sum_split_moments(pairs: Iterable[tuple[Tensor, Tensor]]) -> SplitMoments:
    """Return the moments of all pairs of rows in two parts, on the processor."""
    found = reduce(operator.add, (SplitMoments.of(x, y) for x, y in pairs))
    return SplitMoments(found.learn.on_processor(), found.check.on_processor())


def pieces_of(
    cache: ActivationCache, x: HookPoint, y: HookPoint, device: torch.device = CPU
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows of two hook points, of all real tokens of a cache, on a device."""
    for at in range(0, cache.rows, PIECE):
        yield cache.flat(x, at, at + PIECE).to(device), cache.flat(y, at, at + PIECE).to(device)


def moments_of(cache: ActivationCache, x: HookPoint, y: HookPoint, device: torch.device = CPU) -> Moments:
    """Return the moments of two hook points over all real tokens of a cache, summed on a device."""
    return sum_moments(pieces_of(cache, x, y, device))
