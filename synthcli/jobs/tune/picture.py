"""Trials in a picture: their losses over each setting, and what the best of k of them comes to."""

from typing import TYPE_CHECKING

from synthcli.jobs.curves_picture import LOOKS
from synthcli.jobs.tune.report_types import TuningReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.4, 3.0  # of a panel, in inches


def draw_tuning(table: TuningReport) -> "Figure":
    """Draw a panel for each setting, a mark a trial, and one of the best of k where none was stopped."""
    from matplotlib.figure import Figure

    keys, is_whole = list(table["ranges"]), not table["halving"]
    panels = len(keys) + is_whole
    figure = Figure(figsize=(max(2, panels) * WIDTH, HEIGHT), layout="constrained")
    places = figure.subplots(1, panels, squeeze=False)[0]
    for key, axes in zip(keys, places, strict=False):
        _draw_setting(axes, table, key)
    if is_whole:
        _draw_best_of_k(places[-1], table)
    for axes in places:
        axes.set_ylabel("validation loss, nats")
        axes.spines[["top", "right"]].set_visible(False)
    if len(table["arms"]) > 1:
        places[0].legend(frameon=False)
    return figure


def _draw_setting(axes: "Axes", table: TuningReport, key: str) -> None:
    """Draw the losses of trials that came to their end over one setting, the best of an arm filled."""
    for arm, (colour, _, mark) in zip(table["arms"], LOOKS * len(table["arms"]), strict=False):
        there = [(row, loss) for row in arm["trials"] if (loss := row["loss"]) is not None]
        values, losses = [row["values"][key] for row, _ in there], [loss for _, loss in there]
        values = values if key in table["intervals"] else list(map(str, values))
        axes.plot(values, losses, mark, color=colour, markerfacecolor="none", label=arm["arm"])
        place = [row["trial"] for row, _ in there].index(arm["best"]["trial"])
        axes.plot(values[place], losses[place], mark, color=colour)
    if key in table["logarithmic"]:
        axes.set_xscale("log")
    if key in table["intervals"]:
        axes.set_xlim(*table["intervals"][key])
    axes.set_xlabel(key)


def _draw_best_of_k(axes: "Axes", table: TuningReport) -> None:
    for arm, (colour, dashes, mark) in zip(table["arms"], LOOKS * len(table["arms"]), strict=False):
        points = [(k, loss) for k, loss in enumerate(arm["best_of_k"] or [], 1) if loss is not None]
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=dashes, marker=mark, label=arm["arm"])
    axes.set_xlim(0.8, table["trials"] + 0.2)
    axes.set_xlabel("expected best of so many trials")
