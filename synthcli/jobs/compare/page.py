"""The report of a comparison as one page that needs nothing else: no scripts, no files from elsewhere."""

import io
from typing import TYPE_CHECKING

from synthcli.compare.contrast_types import ContrastTable
from synthcli.jobs.compare.curves import Records, draw_curves
from synthcli.jobs.compare.report_types import CompareReport
from synthcli.jobs.compare.times import COLUMNS, times_table, times_words
from synthcli.jobs.compare.words import (
    arms_table,
    interval_words,
    number_words,
    protocol_words,
    title_of,
    verdict_words,
)
from synthcli.jobs.ladder.picture import draw_ladder
from synthcli.jobs.ladder.tables import (
    FIT_COLUMNS,
    RUNG_COLUMNS,
    fit_line,
    fit_rows,
    multiplier_lines,
    rung_rows,
)
from synthcli.jobs.tune.picture import draw_tuning
from synthcli.jobs.tune.report_types import TuningReport
from synthcli.jobs.tune.words import best_of_k_cells, cells, headers, sentences

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK = "#111827"
LEGEND = "line: 95 %, seeds and samples; grey: samples alone; ticks: pairs; shade: too small to matter"


def page(report: CompareReport, records: Records) -> str:
    """Return the page as HTML; whatever names say is text there."""
    return render(
        "compare.html",
        title=title_of(report),
        report=report,
        arms=arms_table(report),
        protocol=protocol_words,
        forest=to_svg(draw_forest(report)),
        curves=to_svg(draw_curves(report, records)),
        tuning=show_tuning(report.get("tuning")),
        interval=interval_words,
        number=number_words,
        ladder=ladder_section(report),
        times=times_section(report),
        signed=lambda value: f"{value:+.4g}",
        verdict=verdict_words,
    )


def times_section(report: CompareReport) -> dict[str, object] | None:
    """Return what the page shows of times measured apart, None where none were."""
    rows = times_table(report)
    return {"words": times_words(report), "columns": COLUMNS, "rows": rows} if rows else None


def ladder_section(report: CompareReport) -> dict[str, object] | None:
    """Return what the page shows of a ladder, None where there is none."""
    ladder = report.get("ladder")
    if ladder is None:
        return None
    return {
        "picture": to_svg(draw_ladder(ladder)),
        "law": fit_line(ladder),
        "lines": multiplier_lines(report),
        "tables": [(RUNG_COLUMNS, list(rung_rows(ladder))), (FIT_COLUMNS, list(fit_rows(ladder)))],
    }


def render(template: str, **words: object) -> str:
    """Return a template of ours, filled in."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("synthcli.jobs"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(template).render(**words)


def show_tuning(table: TuningReport | None) -> dict[str, object] | None:
    """Return what a page shows of a tuning, None where there was none."""
    if table is None:
        return None
    return {
        "sentences": sentences(table),
        "picture": to_svg(draw_tuning(table)),
        "tables": [(arm["arm"], headers(arm), cells(arm)) for arm in table["arms"]],
        "best_of_k": best_of_k_cells(table),
    }


def draw_forest(report: CompareReport) -> "Figure":
    """Draw each difference with its interval over seeds and samples, and that over samples alone, thicker."""
    from matplotlib.figure import Figure

    of_metrics = [
        (metric, [one for one in report["contrasts"] if one["metric"] == word])
        for word, metric in report["metrics"].items()
    ]
    heights = [1.0 + 0.55 * len(contrasts) for _, contrasts in of_metrics]
    figure = Figure(figsize=(8, 0.3 + sum(heights)), layout="constrained")
    panels = figure.subplots(len(of_metrics), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (metric, contrasts) in zip(panels, of_metrics, strict=True):
        for row, one in enumerate(contrasts):
            _draw_difference(axes, row, one)
        axes.axvspan(-metric["margin"], metric["margin"], color="#e5e7eb", zorder=0)
        axes.axvline(0, color="#6b7280", linewidth=1)
        axes.set_yticks(range(len(contrasts)), [one["arm"] for one in contrasts])
        axes.set_ylim(len(contrasts) - 0.5, -0.5)
        better = "right" if metric["higher_is_better"] else "left"
        axes.set_xlabel(f"{metric['unit']}, difference to {report['baseline']}: better to the {better}")
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.supxlabel(LEGEND, fontsize="small")
    return figure


def _draw_difference(axes: "Axes", row: int, one: ContrastTable) -> None:
    low, high = one["both"]["interval"]
    samples, seeds = one["over_samples"]["interval"], one["over_seeds"]["differences"]
    axes.plot([low, high], [row, row], color=DARK, linewidth=1.5)
    axes.plot(samples, [row, row], color="#9ca3af", linewidth=6, solid_capstyle="butt")
    axes.plot(seeds, [row] * len(seeds), "|", color=DARK, markersize=11)
    axes.plot([one["difference"]], [row], "D", color=DARK, markersize=6)


def to_svg(figure: "Figure") -> "Markup":
    """Return a picture as it stands in a page: the same text for the same figures."""
    import matplotlib
    from markupsafe import Markup

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "synth", "font.family": "DejaVu Sans"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return Markup(text.getvalue()[text.getvalue().index("<svg") :])
