"""Quality against cost: what students keep of their teacher, by what they take."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from synthcli import atomic_files
from synthcli.errors import SynthError
from synthcli.jobs.compress.agreement import Compared, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {  # in the words of the tables
    "teacher_top1": "top 1: the teacher's top-1 token, %",
    "kl": "KL from the teacher, nats",
    "neighbours": "neighbours: the teacher's nearest, %",
    "cosine": "cosine with the teacher's hidden states",
}
LIMITS: dict[str, tuple[float | None, float | None]] = {  # where a figure cannot go any further
    "teacher_top1": (None, 100),
    "kl": (0, None),
    "neighbours": (None, 100),
    "cosine": (None, 1),
}
GREY = "#4b5563"
# told apart without colour, too
LOOKS = tuple(
    zip(
        "osD^vP*X",
        ("#1d4ed8", "#b91c1c", "#15803d", "#7e22ce", "#c2410c", "#0e7490", "#a16207", "#111827"),
        strict=True,
    )
)
WIDE = 1.06  # what axes show beyond the largest cost and interval
PAGE = 6.3  # inches: the text of a page of A4, at which nothing is scaled down
LETTERS = 11  # of a title to an inch
LEGEND = 80  # letters of a line below the axes
BESIDE = 40  # letters of a name that another stands beside
FORMATS = (".png", ".svg", ".pdf")


def picture(comparison: Comparison, path: Path) -> None:
    """Draw agreement over operations, and nearness over milliseconds, with 95 % intervals."""
    from matplotlib.figure import Figure

    refuse_format(path)
    names = [label_of(one) for one in comparison.students]
    columns = 2 if max(map(len, names)) <= BESIDE else 1
    lines = -(-(sum(1 + name.count("\n") for name in names) + 1) // columns)
    figure = Figure(figsize=(PAGE, 2.9 + 0.18 * lines), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = ("teacher_top1", "kl") if comparison.teacher.config.has_head else ("neighbours", "cosine")
    draw(left, comparison, shown[0], "flops", 1e-6)
    draw(right, comparison, shown[1], "milliseconds", 1.0)
    left.set_xlabel("MFLOP a token", color=GREY, fontsize=8)
    right.set_xlabel("ms a batch", color=GREY, fontsize=8)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower left", ncols=columns, fontsize=8, frameon=False
    )
    first = comparison.students[0].result
    title = f"{first.corpus}, {first.split}: {first.samples:,} sequences"
    figure.suptitle(fill(title, int(LETTERS * PAGE)), x=0.01, ha="left", fontsize=10, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.save_picture(path, figure)


def label_of(one: Compared) -> str:
    """Return the name of a student, in lines that a page has room for."""
    return fill(one.name, LEGEND)


def refuse_format(path: Path) -> None:
    """Raise for a file that cannot be drawn."""
    if path.suffix not in FORMATS:
        raise SynthError(f"`{path}` has no known ending", f"use one of {', '.join(FORMATS)}")


def draw(axes: "Axes", comparison: Comparison, figure: str, cost: str, scale: float) -> None:
    """Draw a point a student, and the teacher's cost as a line."""
    for number, one in enumerate(comparison.students):
        point(axes, one, figure, scale * float(getattr(one.cost, cost)), LOOKS[number % len(LOOKS)])
    teacher = scale * float(getattr(comparison.teacher_cost, cost))
    axes.axvline(teacher, color=GREY, linestyle=":", linewidth=1, label="the teacher's cost")
    axes.set_title(PANELS[figure], fontsize=9, loc="left")
    axes.set_xlim(left=0, right=WIDE * max(teacher, axes.get_xlim()[1]))
    low, high = axes.get_ylim()
    least, most = LIMITS[figure]
    axes.set_ylim(low if least is None else least, high if most is None else most)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)


def within(value: float, least: float | None, most: float | None) -> float:
    """Return a figure as far as an axis goes: a KL of nearly 0 may be below it by rounding."""
    value = value if least is None else max(value, least)
    return value if most is None else min(value, most)


def point(axes: "Axes", one: Compared, name: str, x: float, look: tuple[str, str]) -> None:
    """Draw one figure with its interval; what stands at the end of an axis is drawn whole."""
    figure, (marker, colour) = one.figure(name), look
    if figure is None:
        return
    interval = figure.interval or (figure.value, figure.value)
    value, low, high = (within(x, *LIMITS[name]) for x in (figure.value, *interval))
    spread = [[max(0.0, value - low)], [max(0.0, high - value)]]
    axes.errorbar(
        x,
        value,
        yerr=spread,
        fmt=marker,
        color=colour,
        capsize=2,
        markersize=5,
        label=label_of(one),
        clip_on=False,
        linestyle="none",
    )
