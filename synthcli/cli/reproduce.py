"""`synth reproduce`: the main job, from nothing to one table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from synthcli.cli import screen
from synthcli.cli.completion import SCALES, list_presets, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import same_command, tell_how_to_go_on
from synthcli.cli.presets import Set
from synthcli.errors import Stopped
from synthcli.safe_read import read_json

if TYPE_CHECKING:
    from synthcli.jobs.compress.report_types import DistillResult
    from synthcli.jobs.reproduce.rows import Reproduction
    from synthcli.reproduce.table import ResultRow

Presets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PRESET...",
        help="Presets to train and evaluate beside their claims.",
        show_default="the table of all families",
        autocompletion=make_completer(list_presets),
    ),
]
Scale = Annotated[
    str,
    typer.Option(
        help="smoke runs offline on built-in text; hour, day and paper on real corpora.",
        autocompletion=make_completer(SCALES),
    ),
]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A folder with a folder for each corpus, as published.")
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the report goes.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Rows at a time.", show_default="as many as cores, or as GPUs"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def reproduce(
    presets: Presets = None,
    scale: Scale = "smoke",
    data: Data = None,
    set_: Set = None,
    output: Output = Path("reports"),
    jobs: Jobs = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train and evaluate one experiment of every family, and its variants; print and write one table.

    With presets: train these, evaluate them, and say what was printed for them.
    What is done already is kept, what was interrupted is resumed: run it again at any time.

    Examples:

    ```
    synth reproduce
    synth reproduce wmt14-dense
    synth reproduce --scale hour --data DIR
    ```
    """
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.reproduce.reproduce import Reproduction, default_jobs
    from synthcli.jobs.reproduce.reproduce import reproduce as reproduce_all

    asked = Reproduction(scale, data, tuple(set_ or ()))
    if presets:
        return _reproduce_presets(presets, asked, as_json)
    with (
        tell_how_to_go_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        screen.show_lost_result(lambda lost: show_lost(lost, scale, as_json)),
        ReproducingProgress() as board,
    ):
        report = reproduce_all(asked, output, board, jobs or default_jobs())
    if report.path is not None:
        show_rows(report.rows, read_json(report.path.with_suffix(".json")), scale, as_json)
    for failure in report.failures:
        if failure.lost is not None:
            show_lost(failure.lost, scale, as_json)
        if failure.trace:
            screen.say(failure.trace.rstrip())
    if report.error is not None:
        raise report.error
    if not as_json:
        screen.say(f"wrote `{report.path}` and its `.json`")
        screen.say("next: `synth presets ls`, `synth train wmt14-dense --scale hour`")
    return None


def _reproduce_presets(presets: list[str], asked: "Reproduction", as_json: bool) -> None:
    """Train and evaluate presets one after the other, and show their figures beside what was printed."""
    from synthcli.cli.evaluate import show_all
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.parallel.work import observer_of
    from synthcli.jobs.reproduce.rows import evaluate_preset

    with (
        tell_how_to_go_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        ReproducingProgress() as board,
    ):
        results = [
            result
            for preset in presets
            for result in evaluate_preset(preset, asked, observer_of(board.begin(preset)))
        ]
    show_all(results, as_json)


def show_rows(rows: "list[ResultRow]", table: object, scale: str, as_json: bool) -> None:
    """Print the rows as a table, or what the report holds as JSON."""
    from synthcli.reproduce.table import COLUMNS, row_cells

    if as_json:
        return screen.data(json.dumps(table, indent=2))
    title, lines = f"Reproduction at scale {scale}", [row_cells(row) for row in rows]
    return screen.table(title, list(COLUMNS), lines, frozenset({3, 5, 6, 7}))


def show_lost(lost: object, scale: str, as_json: bool) -> None:
    """Print what could not be written: all rows, the result of one run, or what became of a block."""
    from synthcli.cli.distill_block import show_distill_figures
    from synthcli.cli.evaluate import show_all
    from synthcli.evaluation.result import Result

    if isinstance(lost, Result):
        return show_all([lost], as_json)
    if isinstance(lost, dict):
        return show_distill_figures(cast("DistillResult", lost), as_json)
    assert isinstance(lost, tuple)
    rows, table = lost
    return show_rows(rows, table, scale, as_json)
