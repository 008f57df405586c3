"""A probe as a heat map: replacements by layers, once by NMSE and once end to end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli import durable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {"nmse": "NMSE of what is replaced", "kl": "KL of the whole model, nats a position"}
HEADLESS = {"nmse": PANELS["nmse"], "cosine": "1 − cosine of last hidden states"}
COLOURS = "YlOrRd"
GREY = "#6b7280"
DARK = 0.6  # of the scale: from here on figures are written in white
LEAST = 1e-4  # below it all figures have one colour


def picture(report: dict[str, Any], path: Path) -> None:
    """Draw both panels; a cell without a figure stays empty."""
    from matplotlib.figure import Figure

    layers, names = report["layers"], report["replacements"]
    size = (2 * (1.9 + 0.62 * len(layers)) + 1.2, 1.5 + 0.36 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    is_headless = any(one.get("cosine") is not None for one in report["findings"])
    titles = HEADLESS if is_headless else PANELS
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        draw(axes, cells(report, key), layers, names)
        axes.set_title(title, fontsize=10, loc="left")
    figure.suptitle(title_of(report), x=0.01, ha="left", fontsize=12, fontweight="bold")
    durable.save_picture(path, figure)


def cells(report: dict[str, Any], key: str) -> list[list[float | None]]:
    """Return a row a replacement of a figure a layer."""
    found = {(one["replacement"], one["layer"]): cost(one, key) for one in report["findings"]}
    return [[found.get((name, layer)) for layer in report["layers"]] for name in report["replacements"]]


def cost(finding: dict[str, Any], key: str) -> float | None:
    """Return a figure of which less is better."""
    value: float | None = finding[key]
    return 1 - value if key == "cosine" and value is not None else value


def draw(axes: "Axes", rows: list[list[float | None]], layers: list[int], names: list[str]) -> None:
    """Colour cells on a logarithmic scale, and write their figures."""
    from matplotlib.colors import LogNorm

    numbers = [[float("nan") if value is None else max(value, LEAST) for value in row] for row in rows]
    known = [max(value, LEAST) for row in rows for value in row if value is not None] or [1.0]
    low, high = min(known), max(known)
    norm = LogNorm(low, max(high, 1.01 * low))
    axes.imshow(numbers, cmap=COLOURS, norm=norm, aspect="auto")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value is not None:
                colour = "white" if norm(max(value, LEAST)) > DARK else "black"
                axes.text(x, y, figure_of(value), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(layers)), [str(layer) for layer in layers])
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("layer", color=GREY)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def figure_of(value: float) -> str:
    """Return a figure in as many places as mean something."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def title_of(report: dict[str, Any]) -> str:
    text, judged = report["text"], report["text"]["judged_by"]
    teacher = Path(report["teacher"]["path"])
    name = teacher.parents[2].name if teacher.parent.name == "checkpoints" else teacher.name
    return f"{name}: {text['corpus']}, {judged['sequences']:,} sequences of {judged['split']}"
