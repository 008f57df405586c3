"""A ladder in Markdown and on the screen."""

from collections.abc import Iterator

from synthcli.compare.contrast_types import ContrastTable
from synthcli.jobs.compare.report_types import CompareReport
from synthcli.jobs.compare.words import interval_words, number_words, verdict_words
from synthcli.jobs.ladder.report_types import CrossingRow, LadderReport, RungMultiplier
from synthcli.jobs.markdown import table_lines

RUNG_COLUMNS = (
    *("rung", "arm", "steps", "FLOPs", "seconds a run", "loss", "σ over seeds", "diverged seeds"),
    *("difference", "verdict"),
)
FIT_COLUMNS = ("arm", "rung", "−d log L / d log C", "95 %", "mean log L − fit", "compute multiplier")


def ladder_markdown(report: CompareReport) -> list[str]:
    """Return the section of a report on its ladder, nothing where it has none."""
    ladder = report.get("ladder")
    if ladder is None:
        return []
    return [
        "## Ladder",
        "",
        f"Loss in {ladder['unit']}. FLOPs of training: {ladder['compute']}.",
        "",
        *table_lines(RUNG_COLUMNS, rung_rows(ladder)),
        "",
        fit_line(ladder),
        "",
        *table_lines(FIT_COLUMNS, fit_rows(ladder)),
        "",
        *(f"- {line}" for line in multiplier_lines(report)),
        "",
    ]


def rung_rows(ladder: LadderReport) -> Iterator[list[str]]:
    """Yield a row for each rung and arm; differences are to the baseline."""
    for rung in ladder["rungs"]:
        contrasts = {one["arm"]: one for one in rung["contrasts"]}
        for row in rung["arms"]:
            figures = (row["steps"], row["flops"], row["seconds"], row["mean"], row["deviation"])
            cells = [rung["rung"], row["arm"], *map(number_words, (*figures, row["diverged"]))]
            yield [*cells, *_contrast_cells(contrasts.get(row["arm"]))]


def _contrast_cells(contrast: ContrastTable | None) -> list[str]:
    if contrast is None:
        return ["–", "–"]
    difference = f"{contrast['difference']:+.4g} {interval_words(contrast['both']['interval'])}"
    return [difference, verdict_words(contrast)]


def fit_rows(ladder: LadderReport) -> Iterator[list[str]]:
    """Yield a row for each fit and rung: the exponent there, how far off the fit the mean lies."""
    for fit in ladder["fits"]:
        if fit["missing"] is not None:
            yield [fit["arm"], *["–"] * 4, fit["missing"]]
            continue
        needs = _needs_of(ladder, fit["arm"])
        columns = (fit["rungs"], fit["exponents"], fit["exponent_intervals"], fit["residuals"])
        for rung, exponent, (low, high), residual in zip(*columns, strict=True):
            cells = [f"{exponent:.4g}", f"[{low:.3g}, {high:.3g}]", f"{residual:+.2g}"]
            yield [fit["arm"], rung, *cells, needs.get(rung, "–")]


def _needs_of(ladder: LadderReport, arm: str) -> dict[str, str]:
    """Return the multiplier of an arm at each rung in words, none of the baseline."""
    found = [one for one in ladder["multipliers"] if one["arm"] == arm and one["missing"] is None]
    return {rung["rung"]: multiplier_words(rung, ladder["beyond"]) for one in found for rung in one["rungs"]}


def fit_line(ladder: LadderReport) -> str:
    """Say what was fitted, and why that."""
    p = [fit["power_law_misfit_p"] for fit in ladder["fits"] if fit["missing"] is None]
    known = ", ".join(f"{value:.2g}" for value in p if value is not None)
    off = f"; a power law's misfit has p = {known}" if known else ""
    return f"Fits: {ladder['law']}, x = log C − its mean over rungs{off}."


def multiplier_lines(report: CompareReport) -> list[str]:
    """Return what the baseline needs to be as good as each arm at its last rung, and where fits cross.

    A report without a ladder has no such lines.
    """
    ladder, baseline, lines = report.get("ladder"), report["baseline"], list[str]()
    if ladder is None:
        return lines
    for one in ladder["multipliers"]:
        if one["missing"] is not None:
            lines.append(f"{one['arm']}: no compute multiplier, {one['missing']}")
            continue
        last = one["rungs"][-1]
        needs = multiplier_words(last, ladder["beyond"])
        lines.append(f"to be as good as {one['arm']} at {last['rung']}, {baseline} needs {needs} the compute")
        lines.append(f"{baseline} and {one['arm']}: {cross_words(one['crossings'])}")
    return lines


def multiplier_words(one: RungMultiplier, beyond: float) -> str:
    """Return a multiplier with its interval; in place of one beyond what is told, its bound."""
    low, high = one["limits"]
    interval = f"[{_end(one['interval'][0], '≤', low)}, {_end(one['interval'][1], '≥', high)}]"
    if one["bound"] is None:
        return f"{one['value']:.3g} {interval} times"
    bound = f"≥ {high:.3g}" if one["bound"] == "at least" else f"≤ {low:.3g}"
    return f"{bound} times (beyond {beyond:g}× of what the baseline ran)"


def _end(value: float | None, sign: str, limit: float) -> str:
    return f"{sign} {limit:.3g}" if value is None else f"{value:.3g}"


def cross_words(crossings: list[CrossingRow]) -> str:
    """Return where fits cross within the range that both ran."""
    if not crossings:
        return "their fits do not cross in the range that both ran"
    found = (f"{one['flops']:.3g} FLOPs {_stretch_words(one['interval'])}" for one in crossings)
    return f"their fits cross at {', '.join(found)}"


def _stretch_words(interval: tuple[float | None, float | None]) -> str:
    if all(end is None for end in interval):
        return "(they may anywhere in that range)"
    low, high = ("beyond the range" if end is None else f"{end:.3g}" for end in interval)
    return f"[{low}, {high}]"
