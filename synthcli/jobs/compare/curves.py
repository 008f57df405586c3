"""Learning curves of arms: validation losses over steps, over FLOPs and over seconds of training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from synthcli.compare.record import RunRecord
from synthcli.jobs.compare.report_types import CompareReport
from synthcli.jobs.curves_picture import GREY, LOOKS, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Records = Mapping[str, Mapping[int, RunRecord]]
AXES = {"step": "step", "flops": "FLOPs of training", "seconds": "seconds of training"}


@dataclass(frozen=True)
class CurvePoint:
    """A validation loss of a run, and how far its training was: None is what nobody noted.

    FLOPs are the share of the whole training's that its steps are.
    """

    arm: str
    pair: int
    seed: int
    step: int
    tokens: float | None
    flops: float | None
    seconds: float | None
    validation_loss: float


@dataclass(frozen=True)
class ArmCurve:
    """Losses (seeds, points) of an arm, where every seed was validated.

    `at` has of each axis the mean over seeds, if every point is known there.
    """

    arm: str
    at: Mapping[str, npt.NDArray[np.float64]]
    losses: npt.NDArray[np.float64]


def list_points(report: CompareReport, records: Records) -> Iterator[CurvePoint]:
    """Yield the points of all runs: arm by arm, seed by seed."""
    flops = {row["arm"]: row["flops"] for row in report["arms"]}
    for arm, of_arm in records.items():
        for pair, record in of_arm.items():
            clock = {step: (tokens, seconds) for step, seconds, tokens in record.clock}
            for step, loss in record.curve:
                tokens, seconds = clock.get(step, (None, None))
                whole = flops[arm]
                share = None if whole is None else whole * step / record.steps
                yield CurvePoint(arm, pair, record.seed, int(step), tokens, share, seconds, loss)


def gather_curve(arm: str, points: list[CurvePoint]) -> ArmCurve:
    """Return the curve of an arm from the points of its runs."""
    by_pair: dict[int, dict[int, CurvePoint]] = {}
    for point in points:
        by_pair.setdefault(point.pair, {})[point.step] = point
    runs = list(by_pair.values())
    steps = sorted(set.intersection(*(set(run) for run in runs))) if runs else []
    at = {}
    for axis in AXES:
        values = [[getattr(run[step], axis) for step in steps] for run in runs]
        if steps and all(value is not None for row in values for value in row):
            at[axis] = np.mean(values, axis=0)
    losses = [[run[step].validation_loss for step in steps] for run in runs]
    return ArmCurve(arm, at, np.array(losses).reshape(len(runs), len(steps)))


def draw_curves(report: CompareReport, records: Records) -> "Figure":
    """Draw the mean of each arm and a band of one σ over seeds, a panel for each axis that all arms know."""
    from matplotlib.figure import Figure

    points = list(list_points(report, records))
    every = [gather_curve(arm, [point for point in points if point.arm == arm]) for arm in records]
    curves = [curve for curve in every if curve.at]
    axes = [axis for axis in AXES if curves and all(axis in curve.at for curve in curves)] or ["step"]
    figure = Figure(figsize=(3.6 * len(axes) + 0.6, 4), layout="constrained")
    panels = figure.subplots(1, len(axes), squeeze=False, sharey=True)[0]
    for axis, panel in zip(axes, panels, strict=True):
        drawn = [_draw_arm(panel, axis, curve, number) for number, curve in enumerate(curves)]
        _label(panel, AXES[axis])
    panels[0].set_ylabel("validation loss, nats", color=GREY)
    if curves:
        names = [curve.arm.replace("$", r"\$") for curve in curves]
        figure.legend(drawn, names, loc="outside lower left", ncols=2, frameon=False, handlelength=4)
    return figure


def _draw_arm(panel: "Axes", axis: str, curve: ArmCurve, number: int) -> "Line2D":
    """Draw one arm in one panel; return its line."""
    mean, at = curve.losses.mean(axis=0), curve.at[axis]
    if len(curve.losses) > 1:
        spread = curve.losses.std(axis=0, ddof=1)
        colour = LOOKS[number % len(LOOKS)][0]
        panel.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
    return draw(panel, list(zip(at.tolist(), mean.tolist(), strict=True)), number, is_marked=True)


def _label(panel: "Axes", name: str) -> None:
    panel.set_xlabel(name, color=GREY)
    panel.set_xlim(left=0)
    panel.locator_params(axis="x", nbins=4)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#e5e7eb", linewidth=0.6)
