"""Learning curves of runs side by side, told apart without colours: by dashes, marks and shades."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli import atomic_files
from synthcli.disk import guard_write
from synthcli.errors import SynthError
from synthcli.runs import Run
from synthcli.training.records import read_whole_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Points = list[tuple[float, float]]  # step, loss

# of lines, from dark to light, so that they stay apart in grey: colour, dashes, mark
LOOKS = (
    ("#111827", "-", "o"),
    ("#1d4ed8", "--", "s"),
    ("#b91c1c", "-.", "^"),
    ("#0d9488", ":", "D"),
    ("#d97706", (0, (5, 1, 1, 1, 1, 1)), "v"),
    ("#9ca3af", (0, (8, 2)), "P"),
)
GREY = "#6b7280"
WINDOWS = 50  # means of so many parts of a curve are drawn over its records
MARKS = 12  # of a line at most


@dataclass(frozen=True)
class Curve:
    """What a run's journal says of its losses."""

    label: str
    loss: Points
    validation: Points


def curves_of(runs: Sequence[Run]) -> list[Curve]:
    """Return the curves of runs; one without a record is refused. Runs of one name are told apart by id."""
    if len(runs) > 2 * len(LOOKS):
        message = f"{len(runs)} runs are too many for one picture, which tells {2 * len(LOOKS)} apart"
        raise SynthError(message, "draw several pictures")
    names = [run.name for run in runs]
    curves = []
    for run in runs:
        records = [record.values for record in read_whole_records(run.journal)[0]]
        loss, validation = points(records, "loss"), points(records, "validation_loss")
        if not loss and not validation:
            message = f"run `{run.path}` has no record of a loss"
            raise SynthError(message, "leave it out: `synth runs show` says what it holds")
        label = run.name if names.count(run.name) == 1 else f"{run.name} {run.id}"
        curves.append(Curve(label, loss, validation))
    return curves


def points(records: Sequence[dict[str, object]], key: str) -> Points:
    """Return steps and values of the records that hold a number."""
    found: Points = []
    for record in records:
        step, value = record["step"], record.get(key)
        if isinstance(step, int) and isinstance(value, float):
            found.append((step, value))
    return sorted(found)


def smooth(curve: Points) -> Points:
    """Return running means over a window of a fiftieth of a curve, each at its window's middle."""
    window = max(1, len(curve) // WINDOWS)
    means = []
    for first in range(len(curve) - window + 1):
        part = curve[first : first + window]
        means.append((part[window // 2][0], sum(value for _, value in part) / window))
    return means


def picture(curves: Sequence[Curve], path: Path) -> None:
    """Draw training losses, and validation losses beside them where there are any."""
    from matplotlib.figure import Figure

    is_validated = any(curve.validation for curve in curves)
    figure = Figure(figsize=(10.5 if is_validated else 6.0, 4.6), layout="constrained")
    panels = figure.subplots(1, 1 + is_validated, squeeze=False)[0]
    drawn = [draw(panels[0], curve.loss, number) for number, curve in enumerate(curves)]
    is_smooth = any(len(curve.loss) >= 2 * WINDOWS for curve in curves)
    finish(panels[0], "training loss" + (", running mean over the records" if is_smooth else ""))
    if is_validated:
        drawn = [
            draw(panels[1], curve.validation, number, is_marked=True) for number, curve in enumerate(curves)
        ]
        finish(panels[1], "validation loss")
    labels = [curve.label for curve in curves]
    figure.legend(drawn, labels, loc="outside lower left", ncols=2, frameon=False, handlelength=4, fontsize=9)
    with guard_write(f"`{path}`", path, "name another file with `-o`"):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.save_picture(path, figure)


def draw(axes: "Axes", curve: Points, number: int, is_marked: bool = False) -> "Line2D":
    """Draw one line; of a training loss its records too, pale, where their mean is drawn."""
    colour, dashes, mark = LOOKS[number % len(LOOKS)]
    line = curve if is_marked else smooth(curve)
    if len(line) < len(curve):
        axes.plot(*columns(curve), color=colour, linewidth=0.5, alpha=0.25)
    every = max(1, len(line) // MARKS)
    is_first = number < len(LOOKS)  # later ones are thin, their marks hollow
    (drawn,) = axes.plot(*columns(line), color=colour, linestyle=dashes, linewidth=1.6 if is_first else 0.8)
    if is_marked or len(line) < 3:
        drawn.set(marker=mark, markersize=4, markevery=every, markerfacecolor=colour if is_first else "white")
    return drawn


def columns(curve: Points) -> tuple[list[float], list[float]]:
    return [step for step, _ in curve], [value for _, value in curve]


def finish(axes: "Axes", title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("step", color=GREY)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
