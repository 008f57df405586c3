"""A probe as a heat map of the width of a page: replacements by layers, by NMSE and end to end."""

from math import ceil, floor, log10
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from synthcli import atomic_files
from synthcli.jobs.compress.report_types import FindingRow, ProbedFigure, ProbeReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.image import AxesImage

PANELS: dict[ProbedFigure, str] = {
    "nmse": "NMSE of what is replaced",
    "kl": "KL of the whole model, nats a position",
}
HEADLESS: dict[ProbedFigure, str] = {"nmse": PANELS["nmse"], "cosine": "1 − cosine of hidden states"}
COLOURS = "YlOrRd"  # lighter is less in grey, too
GREY = "#4b5563"
DARK = 0.6  # of the scale: from here on figures are written in white
LEAST = 1e-4  # below it all figures have one colour
PAGE = 6.3  # inches: the text of a page of A4, at which nothing is scaled down
ACROSS = 12  # layers beside each other, so that a figure has room; more go below
NAMES, LAYER, BAR = 1.35, 0.5, 1.0  # inches of the names, of a layer where there are few, of the colour bar
LETTERS = 11  # of a title to an inch
ROW, HEAD = 0.2, 0.62  # inches of a replacement, and of the title and the axis of a panel


def picture(report: ProbeReport, path: Path) -> None:
    """Draw a panel a figure, what is wider than the page below it; a cell without a figure stays empty."""
    from matplotlib.figure import Figure

    layers, names = report["layers"], report["replacements"]
    is_headless = any(one.get("cosine") is not None for one in report["findings"])
    titles = HEADLESS if is_headless else PANELS
    parts = [layers[start : start + ACROSS] for start in range(0, len(layers), ACROSS)]
    width = min(PAGE, max(4.0, NAMES + LAYER * len(layers) + BAR))
    height = 0.3 + len(titles) * len(parts) * (HEAD + ROW * max(2, len(names)))
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(titles) * len(parts), 1, squeeze=False)[:, 0]
    for number, (key, title) in enumerate(titles.items()):
        its = panels[number * len(parts) : (number + 1) * len(parts)]
        norm = scale_of(report, key)
        for axes, part in zip(its, parts, strict=True):
            image = draw(axes, cells(report, key, part), part, names, norm)
        its[0].set_title(title, fontsize=9, loc="left")
        bar = figure.colorbar(image, ax=list(its), aspect=30, pad=0.02)
        bar.set_label("lower is better", fontsize=8, color=GREY)
        ticks = ticks_of(norm)
        bar.set_ticks(ticks, labels=[figure_of(tick) for tick in ticks])
        bar.ax.minorticks_off()
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
    figure.suptitle(
        fill(title_of(report), int(LETTERS * width)), x=0.01, ha="left", fontsize=10, fontweight="bold"
    )
    atomic_files.save_picture(path, figure)


def cells(report: ProbeReport, key: ProbedFigure, layers: list[int]) -> list[list[float | None]]:
    """Return a row a replacement of a figure a layer."""
    found = {(one["replacement"], one["layer"]): cost(one, key) for one in report["findings"]}
    return [[found.get((name, layer)) for layer in layers] for name in report["replacements"]]


def cost(finding: FindingRow, key: ProbedFigure) -> float | None:
    """Return a figure of which less is better."""
    value = finding[key]
    return 1 - value if key == "cosine" and value is not None else value


def scale_of(report: ProbeReport, key: ProbedFigure) -> "LogNorm":
    """Return a logarithmic scale over all figures there are."""
    from matplotlib.colors import LogNorm

    rows = cells(report, key, report["layers"])
    known = [max(value, LEAST) for row in rows for value in row if value is not None] or [1.0]
    low, high = min(known), max(known)
    return LogNorm(low, max(high, 1.01 * low))


def ticks_of(norm: "LogNorm") -> list[float]:
    """Return the powers of ten on a scale, its ends where it is too short to hold two."""
    low, high = float(norm.vmin or LEAST), float(norm.vmax or 1.0)
    powers = [10.0**power for power in range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)]
    if len(powers) > 1:
        return powers
    return [low, high] if figure_of(low) != figure_of(high) else [low]


def draw(
    axes: "Axes", rows: list[list[float | None]], layers: list[int], names: list[str], norm: "LogNorm"
) -> "AxesImage":
    """Colour cells, and write their figures."""
    numbers = [[float("nan") if value is None else max(value, LEAST) for value in row] for row in rows]
    image = axes.imshow(numbers, cmap=COLOURS, norm=norm, aspect="auto")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value is not None:
                colour = "white" if norm(max(value, LEAST)) > DARK else "black"
                axes.text(x, y, figure_of(value), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(layers)), [str(layer) for layer in layers])
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("layer", color=GREY, fontsize=8, labelpad=1)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    return image


def figure_of(value: float) -> str:
    """Return a figure in as many places as mean something."""
    if value < 0.001:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def title_of(report: ProbeReport) -> str:
    text, evaluated = report["text"], report["text"]["judged_by"]
    teacher = Path(report["teacher"]["path"])
    name = teacher.parents[2].name if teacher.parent.name == "checkpoints" else teacher.name
    return f"{name}: {text['corpus']}, {evaluated['sequences']:,} sequences of {evaluated['split']}"
