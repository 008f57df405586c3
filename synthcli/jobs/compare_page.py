"""The report of a comparison as one page that needs nothing else: no scripts, no files from elsewhere."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from synthcli.compare.record import RunRecord
from synthcli.jobs.compare_report import COLUMNS, interval_words, number_words, verdict_words
from synthcli.jobs.curves_picture import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Mapping[str, Mapping[int, RunRecord]]


def page(report: Mapping[str, Any], records: Records) -> str:
    """Return the page as HTML; whatever names say is text there."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("synthcli.jobs"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("compare.html").render(
        title=f"{report['baseline']} against {', '.join(one['arm'] for one in report['contrasts'])}",
        report=report,
        columns=COLUMNS,
        forest=Markup(_svg(draw_forest(report))),
        curves=Markup(_svg(draw_curves(records))),
        interval=interval_words,
        number=number_words,
        signed=lambda value: f"{value:+.4g}",
        verdict=verdict_words,
    )


def draw_forest(report: Mapping[str, Any]) -> "Figure":
    """Draw each difference with its interval over seeds and samples, and that over samples alone, thicker."""
    from matplotlib.figure import Figure

    contrasts = report["contrasts"]
    figure = Figure(figsize=(8, 1.2 + 0.55 * len(contrasts)), layout="constrained")
    axes = figure.add_subplot()
    for row, one in enumerate(contrasts):
        low, high = one["both"]["interval"]
        axes.plot([low, high], [row, row], color="#111827", linewidth=1.5)
        axes.plot(
            one["over_samples"]["interval"], [row, row], color="#9ca3af", linewidth=6, solid_capstyle="butt"
        )
        axes.plot(
            one["over_seeds"]["differences"], [row] * len(one["pairs"]), "|", color="#111827", markersize=11
        )
        axes.plot([one["difference"]], [row], "D", color="#111827", markersize=6)
    margin = contrasts[0]["margin"]
    axes.axvspan(-margin, margin, color="#e5e7eb", zorder=0)
    axes.axvline(0, color="#6b7280", linewidth=1)
    axes.set_yticks(range(len(contrasts)), [one["arm"] for one in contrasts])
    axes.set_ylim(len(contrasts) - 0.5, -0.5)
    better = "right" if report["higher_is_better"] else "left"
    axes.set_xlabel(
        f"{report['unit']}, difference to {report['baseline']}: better to the {better}\n"
        "line: 95 %, seeds and samples; grey: samples alone; ticks: pairs; shade: too small to matter"
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def draw_curves(records: Records) -> "Figure":
    """Draw the validation losses of each arm over steps: their mean, and a band of one σ over seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    for (arm, of_arm), (colour, dashes, _) in zip(records.items(), LOOKS * len(records), strict=False):
        steps, losses = _curves_of(of_arm)
        if not len(steps):
            continue
        axes.plot(steps, losses.mean(axis=0), color=colour, linestyle=dashes, label=arm)
        if len(losses) > 1:
            spread = losses.std(axis=0, ddof=1)
            mean = losses.mean(axis=0)
            axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel("step")
    axes.set_ylabel("validation loss, nats")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
    return figure


def _curves_of(of_arm: Mapping[int, RunRecord]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the steps that every seed was validated at, and losses (seeds, steps)."""
    curves = [dict(record.curve) for record in of_arm.values()]
    steps = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    return np.array(steps), np.array([[curve[step] for step in steps] for curve in curves])


def _svg(figure: "Figure") -> str:
    """Return a picture as it stands in a page: the same text for the same figures."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "synth", "font.family": "DejaVu Sans"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
