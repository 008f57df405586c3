"""`synth distill-block`: replace the mixer of a block by another, from a formula and by training."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.completion import CRITERIA, FORMULAS, complete, list_mixers, listed
from synthcli.cli.compress_options import (
    AsJson,
    BatchSize,
    CacheLimit,
    ClosedFormOnly,
    Conditioned,
    Corpus,
    DryRun,
    Limit,
    MaxLength,
    Preset,
    Scale,
    Seed,
    Teacher,
    bytes_of,
    steps_of,
)
from synthcli.cli.compressing import Showing, announce, left_out
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import resuming
from synthcli.cli.panels import MODEL, TRAINING
from synthcli.cli.run_options import RunName
from synthcli.cli.source_option import Source
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.distil_block import Outcome, Work


Block = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N",
        help="A layer, counted from 0; repeatable, or `all`.",
        rich_help_panel=MODEL,
        autocompletion=complete(("all",)),
    ),
]
Mixer = Annotated[
    str | None,
    typer.Option(
        help=f"{listed(list_mixers())}.",
        show_default="attention",
        rich_help_panel=MODEL,
        autocompletion=complete(list_mixers),
    ),
]
Heads = Annotated[
    int | None,
    typer.Option(help="Heads of the student.", show_default="the teacher's", rich_help_panel=MODEL),
]
DK = Annotated[
    int | None,
    typer.Option(
        "--d-k", help="Columns of a head.", show_default="half of the teacher's", rich_help_panel=MODEL
    ),
]
Criterion = Annotated[
    str | None,
    typer.Option(
        help=f"{listed(CRITERIA)}.",
        show_default="mse",
        rich_help_panel=TRAINING,
        autocompletion=complete(CRITERIA),
    ),
]
RelationHeads = Annotated[
    int | None, typer.Option(min=1, help="Of the criterion `relation`.", rich_help_panel=TRAINING)
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        "--init",
        help="By a formula (whitened-svd, greedy-heads, mean-map, moving-averages, ridge, linear-map, mean), "
        "by chance (random), or the one ahead after a short trial (best).",
        show_default="best",
        rich_help_panel=MODEL,
        autocompletion=complete(FORMULAS),
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps of each block.", show_default="400", rich_help_panel=TRAINING),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--lr",
        min=1e-9,
        help="Peak learning rate.",
        show_default="by the mixer: 1e-3 for attention",
        rich_help_panel=TRAINING,
    ),
]


def distil_block(
    block: Block = None,
    teacher: Teacher = None,
    mixer: Mixer = None,
    heads: Heads = None,
    d_k: DK = None,
    criterion: Criterion = None,
    relation_heads: RelationHeads = None,
    start: Start = None,
    steps: Steps = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    closed_form_only: ClosedFormOnly = False,
    conditioned: Conditioned = None,
    preset: Preset = None,
    scale: Scale = None,
    corpus: Corpus = None,
    source: Source = None,
    limit: Limit = None,
    max_length: MaxLength = None,
    cache_limit: CacheLimit = None,
    seed: Seed = None,
    name: RunName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Replace the mixer of blocks by another: from a formula first, then by training on recorded activations.

    Examples:

    ```
    synth distill-block --block 6
    synth distill-block --block all --mixer random --closed-form-only
    synth distill-block --preset bert-distil-block-0-heads-1-dk-16 --scale smoke
    ```
    """
    steps = steps_of(steps, closed_form_only)
    from synthcli.jobs.distil_block import carried_out, found
    from synthcli.jobs.distil_request import Asked, request_of
    from synthcli.jobs.pipeline import is_pipeline
    from synthcli.runs.naming import refuse_name

    asked = Asked(
        blocks=blocks_of(block),
        teacher=teacher,
        mixer=mixer,
        heads=heads,
        d_head=d_k,
        criterion=criterion,
        relation_heads=relation_heads,
        start=start,
        steps=steps,
        learning_rate=lr,
        batch_size=batch_size,
        conditioned=conditioned,
        corpus=corpus,
        source=source,
        limit=limit,
        max_length=max_length,
        cache_limit=None if cache_limit is None else bytes_of(cache_limit),
        seed=seed,
        name=name,
    )
    refuse_name(name)
    request = request_of(asked, preset, scale)
    with Showing() as showing:
        work = found(request, showing.preparing)
        announce(work)
        if dry_run:
            return show_plan(work, as_json)
        if is_pipeline(preset, scale):
            return whole(work, str(preset), scale, showing, as_json)
        with screen.showing_lost(lambda lost: show_figures(lost, as_json)):
            outcome = carried_out(work, showing.progress, screen.say)
    return show_figures(outcome.to_json(), as_json) if as_json else show(outcome)


def whole(work: "Work", preset: str, scale: str | None, showing: "Showing", as_json: bool) -> None:
    """Run all stages of a pipeline, and show each."""
    from synthcli.cli.heal import report
    from synthcli.cli.probe import show as show_probe
    from synthcli.cli.train import watching
    from synthcli.jobs.pipeline import begun, finished, settings_of

    with screen.showing_lost(lambda lost: show_stage(lost, as_json)):
        probed, distilled = begun(work, showing.progress, screen.say)
    showing.bar.stop()  # a training shows its own
    if not as_json:
        show_probe(probed, as_json)
        show(distilled)
    with (
        resuming("heal"),
        watching(work.name) as watcher,
        screen.showing_lost(lambda lost: show_stage(lost, as_json)),
    ):
        done = finished(probed, distilled, settings_of(preset, scale), watcher)
    if as_json:
        return screen.data(json.dumps(done.to_json(), indent=2, ensure_ascii=False))
    return report(done.healed, as_json=False)


def show_stage(table: dict[str, Any], as_json: bool) -> None:
    """Print what one stage of a pipeline found."""
    from synthcli.cli.heal import show as show_healing
    from synthcli.cli.probe import show as show_probe

    shows = {"findings": show_probe, "blocks": show_figures, "after": show_healing}
    next(one for key, one in shows.items() if key in table)(table, as_json)


def blocks_of(words: list[str] | None) -> tuple[int, ...] | str | None:
    """Return the layers named, or `all`."""
    if words is None or words == ["all"]:
        return None if words is None else "all"
    for word in words:
        if not word.isdecimal():
            raise SynthError(
                f"`--block {word}` is neither a layer nor `all`", "layers are counted from 0: `--block 2`"
            )
    return tuple(int(word) for word in words)


def show_plan(work: "Work", as_json: bool) -> None:
    """Print what would replace what."""
    from synthcli.jobs.distil_block import planned

    rows = planned(work)
    if as_json:
        return screen.data(json.dumps({"run": work.name, "bytes": work.bytes, "blocks": rows}, indent=2))
    cells = [
        [
            str(row["block"]),
            row["mixer"],
            row["start"],
            f"{row['parameters_before']:,}",
            f"{row['parameters_after']:,}",
        ]
        for row in rows
    ]
    screen.table(None, ["block", "mixer", "start", "parameters", "after"], cells, right=frozenset({0, 3, 4}))
    return screen.say("nothing was written\nnext: the same without `--dry-run`")


def show(outcome: "Outcome") -> None:
    """Print the figures, what was written, and what to do next."""
    show_figures(outcome.to_json(), as_json=False)
    run, teacher = outcome.run.path, outcome.work.teacher.path
    screen.say(f"wrote `{run / 'checkpoints'}` and `{run / 'results' / 'compress.json'}`")
    metric = outcome.metric
    screen.say(f"next: `synth eval {metric} {run}`, `synth heal {run} --teacher {teacher}`")


def show_figures(table: dict[str, Any], as_json: bool) -> None:
    """Print the table, what was tried, and what it came to."""
    if as_json:
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    rows = [row for one in table["blocks"] for row in rows_of(one)]
    columns = ["block", "mixer", "start", "parameters", "after", "NMSE before", "after", "seconds"]
    title = "NMSE on held-out text: 0 is the teacher, 1 the mean"
    screen.table(title, columns, rows, right=frozenset(range(3, 8)), least=(7, 3, 4, 2))
    for one in table["blocks"]:
        for line in left_out(one, f"block {one['block']}"):
            screen.say(line)
    from synthcli.compress.likeness import describe

    near = table["model"]
    return screen.say(
        f"whole model: {near['parameters_before']:,} → {near['parameters_after']:,} parameters, "
        f"{describe(near)}"
    )


def rows_of(one: dict[str, Any]) -> list[list[str]]:
    """Return the row of a block, and below it one for every other start that was tried to its end."""
    head = [str(one["block"]), one["mixer"], one["start"]]
    sizes = [f"{one['parameters_before']:,}", f"{one['parameters_after']:,}"]
    figures = [f"{one['nmse_before']:.4f}", f"{one['nmse_after']:.4f}", f"{one['seconds']:.1f}"]
    rows = [[*head, *sizes, *figures]]
    for trial in one["trials"]:
        if trial["start"] != one["start"] and trial["after"] is not None:
            figures = [f"{trial['before']:.4f}", f"{trial['after']:.4f}"]
            rows.append(["", "", f"{trial['start']} (a trial)", "", "", *figures, ""])
    return rows
