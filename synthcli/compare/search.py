"""Where settings are looked for: the same quasi-random points for all, and what the best of them comes to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import qmc

from synthcli.evaluation.bootstrap import Array

BITS = 30  # of a coordinate
SHIFT = 2**BITS // 3  # in binary 0101…: it leaves a point a third from one end of its stratum or the other
LOG_FACTOR = 10.0  # a range of as many times its lower end is looked at by orders of magnitude
FIGURES = 3  # digits of a value
SHARES = (4, 2, 1)  # rungs of successive halving: schedule / 4, / 2, the whole

Value = float | int | str | bool


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; `least` and `most` are what the setting itself allows."""

    key: str
    low: float
    high: float
    is_log: bool
    is_whole: bool = False
    least: float | None = None
    most: float | None = None

    def at(self, unit: float) -> Value:
        """Return the value at a coordinate from 0 to 1: low + u (high − low), or low (high / low)^u.

        Of whole numbers each has an equal part, from half below the lowest to half above the highest.
        """
        half = 0.5 if self.is_whole else 0.0
        low, high = self.low - half, self.high + half
        value = float(low * (high / low) ** unit if self.is_log else low + unit * (high - low))
        value = min(max(self._round(value), self.low), self.high)
        return int(value) if self.is_whole else value

    def _round(self, value: float) -> float:
        """Return a value as it is written on a command line."""
        if self.is_whole:
            return math.floor(value + 0.5)
        if self.is_log:
            return float(f"{value:.{FIGURES}g}")
        return round(value, FIGURES - 1 - math.floor(math.log10(self.high - self.low)))

    @property
    def values(self) -> int | None:
        """How many there are; None without end."""
        return int(self.high - self.low) + 1 if self.is_whole else None

    def edge(self, value: Value, tried: Sequence[Value]) -> str | None:
        """Say at which end of what was tried a value is, where the setting allows to go beyond: low, high."""
        if value == min(tried) and not _is_past(self.least, self.low, -1):
            return "low"
        return "high" if value == max(tried) and not _is_past(self.most, self.high, 1) else None

    def beyond(self, edge: str) -> "Range":
        """Return a range that goes on at an end: ten times as far, or by its own width."""
        width = self.high - self.low
        if edge == "high":
            high = self.high * LOG_FACTOR if self.is_log else self.high + width
            return replace(self, high=high if self.most is None else min(high, self.most))
        low = self.low / LOG_FACTOR if self.is_log else self.low - width
        if self.is_log and self.is_whole:
            low = max(1, math.floor(low))
        return replace(self, low=low if self.least is None else max(low, self.least))

    def __str__(self) -> str:
        kind = "" if self.is_log == is_wide(self.low, self.high) else ":log" if self.is_log else ":linear"
        return f"{self.low:.6g}..{self.high:.6g}{kind}"


@dataclass(frozen=True)
class OneOf:
    """Words, or numbers without an order."""

    key: str
    options: tuple[Value, ...]

    def at(self, unit: float) -> Value:
        return self.options[int(unit * len(self.options))]

    @property
    def values(self) -> int | None:
        return len(self.options)

    def edge(self, value: Value, tried: Sequence[Value]) -> str | None:
        return None

    def __str__(self) -> str:
        return "|".join(map(str, self.options))


Axis = Range | OneOf
Point = Mapping[str, Value]


def is_wide(low: float, high: float) -> bool:
    """Whether a range is looked at by orders of magnitude where nobody says otherwise."""
    return low > 0 and high >= LOG_FACTOR * low


def _is_past(bound: float | None, end: float, sign: int) -> bool:
    return bound is not None and sign * end >= sign * bound


def unit_points(count: int, dimensions: int) -> Array:
    """Return the first points (count, dimensions) of a Sobol' sequence, within 0 to 1.

    Its coordinates (Sobol' 1967, directions of Joe & Kuo 2008) are shifted digit by digit by 1/3, that is,
    exclusive or: of 2^m points each has an interval of 2^-m of its own in every coordinate, and is a third
    from one of its ends. More points leave those before them where they are.
    """
    power = max(1, math.ceil(math.log2(count)))
    plain = qmc.Sobol(dimensions, scramble=False, bits=BITS).random_base2(power)[:count]
    shifted = (plain * 2**BITS).astype(np.int64) ^ SHIFT
    return shifted / 2**BITS


def points_on(axes: Sequence[Axis], count: int) -> list[Point]:
    """Return different points, the same for whoever asks; fewer than `count` where there are no more."""
    sizes = [axis.values for axis in axes]
    known = [size for size in sizes if size is not None]
    most = math.prod(known) if len(known) == len(sizes) else None
    wanted, drawn = count if most is None else min(count, most), count
    while True:
        rows = unit_points(drawn, len(axes))
        found = [{axis.key: axis.at(unit) for axis, unit in zip(axes, row, strict=True)} for row in rows]
        different = list({tuple(point.items()): point for point in found}.values())
        if len(different) >= wanted or drawn >= 2**16:
            return list(different[:wanted])
        drawn *= 2


def best_of_k(losses: Sequence[float]) -> list[float]:
    """Return the expected lowest loss of k of these K trials drawn at random, for k = 1 … K.

    Σ_i l_(i) · C(K − i, k − 1) / C(K, k), l_(i) being the i-th lowest: it is the lowest of the k where the
    others are among the K − i above it. The curve of Dodge et al. 2019 (arXiv 1909.03004), drawn without
    putting back, which has no bias (Tang et al. 2020, arXiv 2004.14555). A trial that diverged is inf.
    """
    ordered, count = sorted(losses), len(losses)
    return [
        sum(ordered[i - 1] * math.comb(count - i, k - 1) for i in range(1, count - k + 2))
        / math.comb(count, k)
        for k in range(1, count + 1)
    ]


def rungs(steps: int) -> tuple[int, ...]:
    """Return the steps at which successive halving looks: a quarter of the schedule, a half, the end."""
    quarter = max(1, steps // SHARES[0])
    return tuple(sorted({min(steps, quarter), min(steps, 2 * quarter), steps}))


def keep_better(losses: Mapping[int, float]) -> list[int]:
    """Return which trials go on: the better half, rounded up, of equal ones the first; none that diverged.

    Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943).
    """
    order = sorted(losses, key=lambda number: (losses[number], number))
    kept = order[: math.ceil(len(order) / 2)]
    return sorted(number for number in kept if math.isfinite(losses[number]))
