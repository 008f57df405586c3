"""What evaluations found, as tables: of one checkpoint, or of several beside each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.cli import screen

if TYPE_CHECKING:
    from synthcli.evaluation.result import Figure, Result

    Named = tuple[str, Result]  # a checkpoint's name, and what was found of it

LARGE = 1e6  # from here on a figure is written with an exponent


def show_results(results: "Sequence[Result]") -> None:
    """Print a table for each text that was evaluated on, and what gives its figures their meaning."""
    if len(results) == 1:
        return show_one(results[0])
    names = names_of([Path(result.checkpoint) for result in results])
    texts: dict[tuple[str, str, int | None], list[Named]] = {}
    for named in zip(names, results, strict=True):
        texts.setdefault((named[1].corpus, named[1].split, named[1].limit), []).append(named)
    for alike in texts.values():
        show_several(alike)
    return None


def show_one(result: "Result") -> None:
    """Print the figures of one checkpoint, each with its protocol."""
    rows = [[figure.name, *format_interval(figure), protocol(figure)] for figure in result.figures]
    columns = ["figure", "value", "95 % interval", "protocol"]
    screen.table(title_result(result), columns, rows, right=frozenset({1}))
    for note in result.notes:
        screen.say(f"note: {note}")
    tell_result(result)


def show_several(results: "list[Named]") -> None:
    """Print figure after figure of checkpoints by name; each figure's protocol stands once."""
    first, is_even = results[0][1], len({result.samples for _, result in results}) == 1
    figures = [(figure, name, result) for name, result in results for figure in result.figures]
    order = list(dict.fromkeys(figure.name for figure, _, _ in figures))
    figures.sort(key=lambda one: order.index(one[0].name))
    rows = [
        [figure.name, name, *([] if is_even else [f"{result.samples:,}"]), *format_interval(figure)]
        for figure, name, result in figures
    ]
    columns = ["figure", "checkpoint", *([] if is_even else ["examples"]), "value", "95 % interval"]
    screen.table(title_result(first, is_even), columns, rows, right=frozenset(range(2, len(columns) - 1)))
    protocols = dict.fromkeys((figure.name, protocol(figure)) for figure, _, _ in figures)
    screen.table(None, ["figure", "protocol"], [list(pair) for pair in protocols])
    for name, result in results:
        for note in result.notes:
            screen.say(f"note: {name}: {note}")
    if first.metric == "perplexity" and len({result.store for _, result in results}) > 1:
        screen.say("note: `perplexity` counts tokens of different tokenizers here, and does not compare")
    for _, result in results:
        tell_result(result)


def tell_result(result: "Result") -> None:
    """Say what was evaluated, and where its outputs are."""
    from synthcli.runs import run_of

    screen.say(f"evaluated `{result.checkpoint}` in {result.seconds:.1f} s")
    run = run_of(Path(result.checkpoint))
    if run is not None and result.outputs is not None:
        screen.say(f"outputs: `{run.results / result.outputs}`")


def title_result(result: "Result", has_count: bool = True) -> str:
    """Return what was evaluated on."""
    title = f"{result.corpus}, {result.split}"
    if not has_count:
        return title if result.limit is None else f"{title}: the first {result.limit:,} examples"
    part = "" if result.limit is None else f" (the first {result.samples:,} of {result.split_size:,})"
    return f"{title}: {result.samples:,} examples{part}"


def format_interval(figure: "Figure") -> list[str]:
    """Return a figure's value and interval as they are read."""
    interval = "" if figure.interval is None else " – ".join(map(format_number, figure.interval))
    return [format_number(figure.value), interval]


def format_number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < LARGE else f"{value:.2e}"


def protocol(figure: "Figure") -> str:
    return figure.protocol + (f" ({figure.signature})" if figure.signature else "")


def names_of(checkpoints: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell checkpoints apart: of presets, of runs, or of their steps too."""
    from synthcli.runs import run_of

    runs = [run_of(path) for path in checkpoints]
    presets = [path.name if run is None else run.name for path, run in zip(checkpoints, runs, strict=True)]
    ids = [path.name if run is None else run.id for path, run in zip(checkpoints, runs, strict=True)]
    owners = presets if len(set(ids)) == len(set(presets)) else ids
    steps = [f"{owner}/{path.name}" for owner, path in zip(owners, checkpoints, strict=True)]
    several = len(set(checkpoints))
    return next((names for names in (presets, owners) if len(set(names)) == several), steps)
