"""The ledger as one page that needs nothing else, with one forest plot a family."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from synthcli.claims.schema import largest
from synthcli.jobs.compare.page import DARK, render, to_svg
from synthcli.jobs.ledger.report import HOW, PARTS, describe_found, parts_of, sentence
from synthcli.jobs.ledger.report_types import LedgerReport, RuledRelation

if TYPE_CHECKING:
    from markupsafe import Markup

COLOURS = {"holds": "#15803d", "contradicted": "#b91c1c", "undecided": "#6b7280"}
FARTHEST = 6.0  # standard errors that a picture shows


def page(report: LedgerReport) -> str:
    """Return the page as HTML."""
    return render(
        "ledger.html",
        title="Ledger of claims",
        report=report,
        sentence=sentence(report),
        words=[word for of_part in PARTS.values() for word in of_part],
        parts=parts_of(report),
        forests={family: draw_family(report, family) for family in report["counts"]},
        found=describe_found,
        how=" ".join(HOW),
    )


def draw_family(report: LedgerReport, family: str) -> "Markup | None":
    """Draw each relation of a family in units of its standard error; None where nothing was measured."""
    from matplotlib.figure import Figure

    rows = list(_relations(report, family))
    if not rows:
        return None
    figure = Figure(figsize=(9, 0.8 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for row, (_, one) in enumerate(rows):
        low, high = _in_errors(one)
        axes.plot([low, high], [row, row], color=COLOURS[one["verdict"]], linewidth=2)
        axes.plot([(low + high) / 2], [row], "D", color=COLOURS[one["verdict"]], markersize=5)
    axes.axvline(0, color=DARK, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize="small")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(
        "how far beyond what is claimed, in half widths of the 95 % interval: right of 0 it holds"
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    return to_svg(figure)


def _relations(report: LedgerReport, family: str) -> Iterator[tuple[str, RuledRelation]]:
    """Yield the relations of a family at the largest scale of each claim, with what they are called."""
    for claim in (*report["claims"], *report["controls"]):
        if claim["id"].startswith(f"{family}/") and claim["scales"] and claim["word"] != "not comparable":
            scale = largest(claim["scales"])
            relations = claim["scales"][scale].get("relations", ())
            for one in relations:
                if "diverged" in one or one["interval"] is None:
                    continue
                own = claim["id"].removeprefix(f"{family}/")
                which = f": {one['relation']}" if len(relations) > 1 else ""
                yield f"{own}{which} ({scale})", one


def _in_errors(one: RuledRelation) -> tuple[float, float]:
    """Return the interval's ends beyond the limit, in half widths of it, as far as a picture shows."""
    assert one["interval"] is not None  # it is drawn
    low, high = one["interval"]
    half = max((high - low) / 2, 1e-12)
    distance = one["difference"] - one["limit"]
    if " = " in one["relation"]:
        distance = one["limit"] - abs(one["difference"])
    middle = max(-FARTHEST, min(FARTHEST, distance / half))
    return middle - 1, middle + 1
