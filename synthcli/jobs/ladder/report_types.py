"""What a report of a ladder holds, key by key, as it is written to JSON."""

from collections.abc import Sequence
from typing import TypedDict

from synthcli.compare.contrast_types import ContrastTable
from synthcli.compare.ladder import Interval


class RungArm(TypedDict):
    """An arm at a rung: losses by seed, their mean, σ over seeds; None where there is no run."""

    arm: str
    steps: int | None
    parameters: int
    flops: float | None
    tokens: float | None
    seconds: float | None
    losses: dict[str, float]
    mean: float | None
    deviation: float | None
    diverged: list[int]


class RungTable(TypedDict):
    """A rung: its arms, and each but the baseline beside the baseline."""

    rung: str
    arms: list[RungArm]
    contrasts: list[ContrastTable]


class MissingRow(TypedDict):
    """An arm of which there is no fit, or no multiplier, and why."""

    arm: str
    missing: str


class FitRow(TypedDict):
    """The fit of an arm: `curve` holds FLOPs, losses, and the edges of the band."""

    arm: str
    missing: None
    rungs: tuple[str, ...]
    seeds: tuple[str, ...]
    middle: float
    coefficients: list[float]
    exponents: list[float]
    exponent_intervals: list[list[float]]
    residuals: list[float]
    power_law_misfit_p: float | None
    misfit_p: float | None
    freedom: int
    curve: list[list[float]]


class RungMultiplier(TypedDict):
    """How many times an arm's compute the baseline needs at a rung: `Multiplier` in compare/ladder.py."""

    rung: str
    value: float | None
    bound: str | None
    interval: Interval
    limits: tuple[float, float]


class CrossingRow(TypedDict):
    """Where two fits cross: `Crossing` in compare/ladder.py."""

    flops: float
    interval: Interval


class MultiplierRow(TypedDict):
    """What compute the baseline needs to be as good as an arm at each rung, and where their fits cross."""

    arm: str
    missing: None
    seeds: tuple[str, ...]
    freedom: int
    misfit_p: float | None
    rungs: list[RungMultiplier]
    crossings: list[CrossingRow]


class LadderFits(TypedDict):
    """The law that was fitted, the fit of each arm, and the multipliers of each but the baseline."""

    law: str
    fits: Sequence[FitRow | MissingRow]
    multipliers: Sequence[MultiplierRow | MissingRow]


class LadderReport(LadderFits):
    """The report of a ladder."""

    field: str
    metric: str
    figure: str
    unit: str
    compute: str
    beyond: float
    rungs: list[RungTable]
