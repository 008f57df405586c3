"""The picture of a ladder: loss over compute, a mark a run, fits with bands; it reads without colours."""

from typing import TYPE_CHECKING

from synthcli.jobs.curves_picture import LOOKS
from synthcli.jobs.ladder.report_types import FitRow, LadderReport, MissingRow, RungArm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_ladder(ladder: LadderReport) -> "Figure":
    """Draw losses over FLOPs, both by factors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    for place, fit in enumerate(ladder["fits"]):
        rows = [row for rung in ladder["rungs"] for row in rung["arms"] if row["arm"] == fit["arm"]]
        _draw_arm(axes, fit, rows, place)
    axes.set_xlabel("FLOPs of training")
    axes.set_ylabel(f"{ladder['figure']}, {ladder['unit']}")
    axes.yaxis.set_major_formatter("{x:.3g}")
    axes.yaxis.set_minor_formatter("{x:.3g}")
    axes.tick_params(axis="y", which="minor", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _draw_arm(axes: "Axes", fit: FitRow | MissingRow, rows: list[RungArm], place: int) -> None:
    """Draw the runs of an arm, and its fit with the band of 95 %."""
    colour, dashes, mark = LOOKS[place % len(LOOKS)]
    points = [(row["flops"], loss) for row in rows for loss in row["losses"].values()]
    axes.plot(*zip(*points, strict=True), mark, color=colour, markersize=5, markerfacecolor="none")
    if fit["missing"] is not None:
        axes.plot([], [], mark, color=colour, label=fit["arm"])
        return
    compute, losses, low, high = fit["curve"]
    axes.plot(
        compute, losses, color=colour, linestyle=dashes, marker=mark, markevery=(0, 100), label=fit["arm"]
    )
    axes.fill_between(compute, low, high, color=colour, alpha=0.12, linewidth=0)
