"""A report as a picture: lengths by split, and a table."""

from itertools import pairwise
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli.atomic_files import save_picture
from synthcli.disk import guard_write
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".pdf")
COLOURS = {"train": "#4269d0", "validation": "#efb118", "test": "#ff725c"}
OTHER = "#6cc5b0"
LINES = {"train": "-", "validation": "--", "test": ":"}  # told apart without colour, too
GREY = "#6b7280"
COUNTED = ("split", "rows", "ids", "empty", "duplicates", "unknown", "in train")
HEADINGS = (*COUNTED, "median", "p99", "longest")


def draw_picture(report: dict[str, Any], path: Path) -> None:
    """Draw the lengths of every column and split over a table of counts; the name's end says the format."""
    if path.suffix not in FORMATS:
        raise SynthError(
            f"`{path}` is of no format that pictures have", f"end its name in {', '.join(FORMATS)}"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SynthError("a picture needs `matplotlib`", "`pip install matplotlib`") from error
    columns = list(next(iter(report["splits"].values()))["lengths"])
    figure = Figure(figsize=(9.5, 2.1 + 2.6 * len(columns)), layout="constrained")
    parts = figure.subplots(len(columns) + 1, 1, height_ratios=[*[2.6] * len(columns), 1.2], squeeze=False)
    for axes, column in zip(parts[:-1, 0], columns, strict=True):
        _draw_lengths(axes, report, column)
    _draw_counts(parts[-1, 0], report, columns)
    tokenizer = report["tokenizer"]
    title = f"{report['corpus']}, {tokenizer['kind']} with {tokenizer['vocab_size']:,} ids"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    with guard_write(f"`{path}`", path, "name another file with `--picture`"):
        save_picture(path, figure, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_lengths(axes: "Axes", report: dict[str, Any], column: str) -> None:
    """Draw one line a split, equal areas being equally many texts; empty ones are left out."""
    least = longest = 1
    for number, (split, counts) in enumerate(report["splits"].items()):
        lengths = counts["lengths"][column]
        edges, shares = _length_density(lengths)
        colour = COLOURS.get(split, OTHER)
        line = LINES.get(split, "-.")
        axes.stairs(shares, edges, color=colour, label=split, linewidth=1.6, linestyle=line)
        if number == 0:
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.1)
            least = max(lengths["least"], 1)
        longest = max(longest, lengths["longest"])
    axes.set_xlim(least / 1.5, longest * 1.5)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.set_xlabel(f"ids of a text ({column})", color=GREY)
    axes.set_ylabel("% of texts, per doubling", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)


def _length_density(lengths: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Return where bins begin and end on an axis of lengths, and their per cent of texts per doubling."""
    histogram, texts = lengths["histogram"], max(lengths["texts"], 1)
    edges = [edge - 0.5 for edge in histogram["edges"][1:]]
    shares = [
        100 * count / texts / log2(high / low)
        for count, (low, high) in zip(histogram["texts"][1:], pairwise(edges), strict=True)
    ]
    return edges, shares


def _draw_counts(axes: "Axes", report: dict[str, Any], columns: list[str]) -> None:
    """Write the counts below."""
    axes.axis("off")
    cells = [_table_row(split, report, columns) for split in report["splits"]]
    table = axes.table(cells, colLabels=HEADINGS, loc="center", cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    table.scale(1, 1.5)
    for (row, column), cell in table.get_celld().items():
        cell.set_edgecolor("#e5e7eb")
        cell.set_text_props(color=GREY if row == 0 else "black", ha="left" if column == 0 else "right")


def _table_row(split: str, report: dict[str, Any], columns: list[str]) -> list[str]:
    """Return the cells of a split; lengths of several columns stand beside each other."""
    counts = report["splits"][split]
    in_train = [
        found["rows"] for found in report["overlaps"] if (found["of"], found["in"]) == (split, "train")
    ]
    counted = [f"{counts[key]:,}" for key in ("rows", "tokens", "empty", "duplicates")]
    unknown = f"{100 * counts['unknown'] / max(counts['tokens'], 1):.2g} %"
    lengths = [
        " / ".join(f"{counts['lengths'][column][key]:,}" for column in columns)
        for key in ("median", "p99", "longest")
    ]
    return [split, *counted, unknown, f"{in_train[0]:,}" if in_train else "", *lengths]
