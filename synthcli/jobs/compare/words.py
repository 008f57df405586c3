"""The report of a comparison in words and tables for people."""

from collections.abc import Mapping, Sequence

from synthcli.compare.contrast_types import ContrastTable
from synthcli.jobs.compare.report_types import CompareReport, MetricRow
from synthcli.jobs.markdown import table_lines
from synthcli.jobs.tune.words import describe_tuning

COLUMNS = {  # of the table of arms, beside its figures
    "diverged": "diverged seeds",
    "parameters": "parameters",
    "flops": "FLOPs",
    "seconds": "seconds a run, others beside",
}


def verdict_words(contrast: ContrastTable) -> str:
    """Return the verdict of a contrast in words."""
    word = contrast["verdict"]
    if word == "equivalent":
        return f"equivalent within {contrast['margin']:g}"
    if word != "undecided":
        return word
    more = contrast["more_seeds"]
    if more:
        return f"undecided: about {more} more seed{'s' if more > 1 else ''} would decide"
    if len(contrast["pairs"]) == 1:
        return "undecided: one seed says nothing of others"
    return "undecided: more samples are needed, not seeds"


def markdown(report: CompareReport) -> str:
    """Return the report for people."""
    head = [
        f"# {title_of(report)}",
        "",
        report["quote"],
        "",
        *(f"- {protocol_words(one)}" for one in report["metrics"].values()),
        "",
    ]
    contrasts = [
        "| arm − baseline | figure | difference | over seeds | over samples | both | p (Holm) | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(one) for one in report["contrasts"]),
        "",
    ]
    tuning = describe_tuning(report["tuning"]) if "tuning" in report else []
    return "\n".join([*head, *contrasts, *_arms(report), *tuning, *_runs(report)])


def title_of(report: CompareReport) -> str:
    """Return what is against what."""
    others = dict.fromkeys(one["arm"] for one in report["contrasts"])
    return f"{report['baseline']} against {', '.join(others)}"


def protocol_words(metric: MetricRow) -> str:
    """Say how a figure is made, and which way is better."""
    better = "higher" if metric["higher_is_better"] else "lower"
    return f"{metric['figure']}, {metric['unit']}: {better} is better ({metric['protocol']})"


def arms_table(report: CompareReport) -> tuple[list[str], list[list[str]]]:
    """Return the titles and the rows of the table of arms."""
    titles = ["arm"]
    for metric in report["metrics"].values():
        titles += [f"{metric['unit']}, mean", "σ over seeds"]
    rows = []
    for arm in report["arms"]:
        of_figures = [value for one in arm["figures"].values() for value in (one["mean"], one["deviation"])]
        table: Mapping[str, object] = arm
        cells = (arm["arm"], *of_figures, *(table[key] for key in COLUMNS))
        rows.append([number_words(one) for one in cells])
    return [*titles, *COLUMNS.values()], rows


def _row(one: ContrastTable) -> str:
    cells = [
        one["arm"],
        one["unit"],
        f"{one['difference']:+.4g}",
        interval_words(one["over_seeds"]["interval"]),
        interval_words(one["over_samples"]["interval"]),
        interval_words(one["both"]["interval"]),
        f"{one['both']['adjusted_p']:.3g}",
        verdict_words(one),
    ]
    return f"| {' | '.join(cells)} |"


def interval_words(edges: Sequence[float] | None) -> str:
    """Return an interval of differences."""
    return "one seed" if edges is None else f"[{edges[0]:+.3g}, {edges[1]:+.3g}]"


def _arms(report: CompareReport) -> list[str]:
    unlike = [f"- {line}" for line in report["unequal"]] or ["- nothing that is counted"]
    return [
        "## Arms",
        "",
        *table_lines(*arms_table(report)),
        "",
        "Not equal:",
        "",
        *unlike,
        "",
    ]


def _runs(report: CompareReport) -> list[str]:
    rows = [f"| {one['arm']} | {one['seed']} | {one['run']} |" for one in report["runs"]]
    again = (
        ["## Runs", "", f"`{report['command']}` makes this report again.", ""] if report["command"] else []
    )
    return [*again, "| arm | seed | run |", "|---|---|---|", *rows, ""]


def number_words(value: object) -> str:
    """Return a number as tables show it, words and what is not there as well."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
