"""Quality against cost: what students keep of their teacher, by what they take."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli import durable
from synthcli.errors import SynthError
from synthcli.jobs.agreement import Compared, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "teacher_top1": "same top-1 token as the teacher, %",
    "kl": "KL from the teacher, nats",
    "neighbours": "same nearest neighbour as the teacher, %",
    "cosine": "cosine with the teacher's hidden states",
}
BLUE, GREY = "#2563eb", "#6b7280"
LABEL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": GREY}
FORMATS = (".png", ".svg", ".pdf")


def picture(comparison: Comparison, path: Path) -> None:
    """Draw agreement over operations, and nearness over milliseconds, with 95 % intervals."""
    from matplotlib.figure import Figure

    refuse_format(path)
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = ("teacher_top1", "kl") if comparison.teacher.config.has_head else ("neighbours", "cosine")
    draw(left, comparison, shown[0], "flops", 1e-6)
    draw(right, comparison, shown[1], "milliseconds", 1.0)
    left.set_xlabel("operations of a token in the layers, millions", color=GREY)
    right.set_xlabel("milliseconds of a batch", color=GREY)
    first = comparison.students[0].result
    title = f"{first.corpus}, {first.split}: {first.samples:,} sequences"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.save_picture(path, figure)


def refuse_format(path: Path) -> None:
    """Raise for a file that cannot be drawn."""
    if path.suffix not in FORMATS:
        raise SynthError(f"`{path}` has no known ending", f"use one of {', '.join(FORMATS)}")


def draw(axes: "Axes", comparison: Comparison, figure: str, cost: str, scale: float) -> None:
    """Draw a point a student with its name beside it, and the teacher's cost as a line."""
    for one in comparison.students:
        point(axes, one, figure, scale * float(getattr(one.cost, cost)))
    teacher = scale * float(getattr(comparison.teacher_cost, cost))
    axes.axvline(teacher, color=GREY, linestyle=":", linewidth=1)
    axes.annotate("teacher", (teacher, 0), (-3, 4), xycoords=("data", "axes fraction"), ha="right", **LABEL)
    axes.set_title(PANELS[figure], fontsize=10, loc="left")
    axes.set_xlim(left=0, right=1.08 * max(teacher, axes.get_xlim()[1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)


def point(axes: "Axes", one: Compared, name: str, x: float) -> None:
    """Draw one figure with its interval."""
    figure = one.figure(name)
    if figure is None:
        return
    low, high = figure.interval or (figure.value, figure.value)
    spread = [[max(0.0, figure.value - low)], [max(0.0, high - figure.value)]]
    axes.errorbar(x, figure.value, yerr=spread, fmt="o", color=BLUE, capsize=2, markersize=5)
    axes.annotate(one.name, (x, figure.value), (-6, 5), ha="right", **LABEL)
