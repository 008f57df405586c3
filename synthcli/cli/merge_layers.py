"""`synth merge-layers`: make one layer of neighbours, from a formula and by training."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.completion import MERGES, complete
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
from synthcli.cli.panels import MODEL, TRAINING
from synthcli.cli.run_options import RunName
from synthcli.cli.source_option import Source

if TYPE_CHECKING:
    from synthcli.jobs.merge_layers import MergeOutcome, MergeWork

Layers = Annotated[
    list[int] | None, typer.Argument(metavar="LAYER...", help="Neighbours, counted from 0: `6 7`, `6 7 8`.")
]
AllPairs = Annotated[
    bool,
    typer.Option(
        "--all-pairs", help="Merge 0 1, 2 3, …: a whole model of half the depth.", rich_help_panel=MODEL
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        "--init",
        "--start",
        help="pooled, ridge-first, ridge-last, copy-first, copy-last, mean, linear, random; or `best`, "
        "by a trial.",
        show_default="pooled",
        rich_help_panel=MODEL,
        autocompletion=complete(MERGES),
    ),
]
Heads = Annotated[
    int | None,
    typer.Option(min=1, help="Heads of a merged layer.", show_default="one layer's", rich_help_panel=MODEL),
]
DHead = Annotated[
    int | None,
    typer.Option("--d-head", min=1, help="Columns of a head, with --init random.", rich_help_panel=MODEL),
]
DFF = Annotated[
    int | None,
    typer.Option(
        "--d-ff", min=1, help="Neurons of a merged layer.", show_default="one layer's", rich_help_panel=MODEL
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps of each layer.", show_default="400", rich_help_panel=TRAINING),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--lr", min=1e-9, help="Peak learning rate.", show_default="1e-3", rich_help_panel=TRAINING),
]


def merge_layers(
    layers: Layers = None,
    all_pairs: AllPairs = False,
    teacher: Teacher = None,
    init: Init = None,
    heads: Heads = None,
    d_head: DHead = None,
    d_ff: DFF = None,
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
    """Make one layer of neighbouring layers: from a formula first, then by training on recorded activations.

    Examples:

    ```
    synth merge-layers 6 7
    synth merge-layers --all-pairs --conditioned corrected
    synth merge-layers 2 3 --init best --heads 4
    ```
    """
    steps = steps_of(steps, closed_form_only)
    from synthcli.jobs.merge_layers import merged_as, work_for
    from synthcli.jobs.merge_request import MergeAsked, request_of
    from synthcli.runs.naming import refuse_name

    asked = MergeAsked(
        layers=tuple(layers or ()),
        all_pairs=all_pairs,
        teacher=teacher,
        start=init,
        heads=heads,
        d_head=d_head,
        d_ff=d_ff,
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
    with Showing() as showing:
        work = work_for(request_of(asked, preset, scale), showing.preparing)
        announce(work)
        if dry_run:
            return show_plan(work, as_json)
        with screen.showing_lost(lambda lost: show_figures(lost, as_json)):
            outcome = merged_as(work, showing.progress, screen.say)
    return show_figures(outcome.to_json(), as_json) if as_json else show(outcome)


def show_plan(work: "MergeWork", as_json: bool) -> None:
    """Print what would become of the layers."""
    plan = {
        "run": work.name,
        "bytes": work.bytes,
        "merges": [list(span.layers) for span in work.spans],
        "layers": work.layers,
        "layers_after": work.layers - sum(len(span.layers) - 1 for span in work.spans),
        "start": work.plan.start,
        "conditioned": work.plan.conditioned,
        "steps": work.plan.settings.steps,
    }
    if as_json:
        return screen.data(json.dumps(plan, indent=2))
    rows = [[str(span), work.plan.start, f"{work.plan.settings.steps:,}"] for span in work.spans]
    screen.table(None, ["layers", "start", "steps"], rows, right=frozenset({2}))
    screen.say(f"{plan['layers']} layers → {plan['layers_after']}")
    return screen.say("nothing was written\nnext: the same without `--dry-run`")


def show(outcome: "MergeOutcome") -> None:
    """Print the figures, what was written, and what to do next."""
    show_figures(outcome.to_json(), as_json=False)
    run, teacher = outcome.run.path, outcome.work.teacher.path
    screen.say(f"wrote `{run / 'checkpoints'}` and `{run / 'results' / 'compress.json'}`")
    judge = f"synth eval teacher-agreement {run} --teacher {teacher}"
    screen.say(f"next: `synth heal {run} --teacher {teacher}`, `{judge}`")


def show_figures(table: dict[str, Any], as_json: bool) -> None:
    """Print the table, what was tried, and what it came to."""
    if as_json:
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    rows = [row for one in table["merges"] for row in rows_of(one)]
    columns = ["layers", "start", "parameters", "after", "NMSE before", "after", "seconds"]
    title = "NMSE on held-out text: 0 is the teacher, 1 the mean"
    screen.table(title, columns, rows, right=frozenset(range(2, 7)), least=(6, 2, 3, 1))
    for one in table["merges"]:
        for line in left_out(one, "layers " + "+".join(str(layer) for layer in one["layers"])):
            screen.say(line)
        if one["drops"]:
            screen.say(dropped(one))
    from synthcli.compress.likeness import describe

    near, layers = table["model"], table["layers"][-1] + 1
    return screen.say(
        f"whole model: {layers} → {len(table['layers'])} layers, {near['parameters_before']:,} → "
        f"{near['parameters_after']:,} parameters, {describe(near)}"
    )


def dropped(one: dict[str, Any]) -> str:
    """Say that a copy in place of several layers drops the others."""
    words = " and ".join(str(layer) for layer in one["drops"])
    verb = "is" if len(one["drops"]) == 1 else "are"
    first = f"note: from `{one['start']}` layer {words} {verb} dropped, and the one that stays is trained"
    known = one["start"] == "copy-last" and len(one["layers"]) == 2
    return first + (" (for a pair that is LaCo's merge)" if known else "")


def rows_of(one: dict[str, Any]) -> list[list[str]]:
    """Return the row of a merge, and below it one for every other start that was tried to its end."""
    head = ["+".join(str(layer) for layer in one["layers"]), one["start"]]
    sizes = [f"{one['parameters_before']:,}", f"{one['parameters_after']:,}"]
    figures = [f"{one['nmse_before']:.3f}", f"{one['nmse_after']:.3f}", f"{one['seconds']:.1f}"]
    rows = [[*head, *sizes, *figures]]
    for trial in one["trials"]:
        if trial["start"] != one["start"] and trial["after"] is not None:
            figures = [f"{trial['before']:.3f}", f"{trial['after']:.3f}"]
            rows.append(["", f"{trial['start']} (a trial)", "", "", *figures, ""])
    return rows
