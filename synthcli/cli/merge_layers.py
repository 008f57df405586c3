"""`synth merge-layers`: make one layer of neighbours, from a formula and by training."""

import json
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.compress_flags import (
    FITTING_FLAGS,
    STEPS_SHOWN,
    TEACHER,
    argument,
    flag,
    takes,
)
from synthcli.cli.compress_options import AsJson, DryRun, Preset, Scale
from synthcli.cli.compress_output import (
    CompressionProgress,
    announce_compression,
    describe_refused,
    load_asked,
)
from synthcli.cli.device_option import Device
from synthcli.cli.panels import MODEL, TRAINING
from synthcli.cli.presets import Config, Set
from synthcli.cli.run_options import RunName
from synthcli.compress.option_values import MERGE_STARTS
from synthcli.presets.merge import Tree

if TYPE_CHECKING:
    from synthcli.jobs.compress.merge_layers import MergeJob, MergeOutcome
    from synthcli.jobs.compress.report_types import MergeResult, MergeRow

INIT = f"{', '.join(MERGE_STARTS[:-1])}; or `best`, by a trial."
FLAGS = {
    "layers": argument(
        list[int],
        "Neighbours, counted from 0: `6 7`, `6 7 8`.",
        lambda layers: {"blocks": layers, "group": len(layers)},
        metavar="LAYER...",
    ),
    "all_pairs": flag(
        "blocks",
        bool,
        "Merge 0 1, 2 3, …: a whole model of half the depth.",
        MODEL,
        "--all-pairs",
        read=lambda _: {"blocks": "all", "group": 2},
    ),
    "teacher": TEACHER,
    "init": flag("start", str, INIT, MODEL, "--init", "--start", shown="pooled", words=MERGE_STARTS),
    "heads": flag("heads", int, "Heads of a merged layer.", MODEL, min=1, shown="one layer's"),
    "d_head": flag(
        "d_head", int, "Columns of a head, with --init random.", MODEL, "--d-head", "--d-k", min=1
    ),
    "d_ff": flag("d_ff", int, "Neurons of a merged layer.", MODEL, min=1, shown="one layer's"),
    "steps": flag("steps", int, "Training steps of each layer.", TRAINING, min=0, shown=STEPS_SHOWN),
    "lr": flag("learning_rate", float, "Peak learning rate.", TRAINING, "--lr", min=1e-9, shown="1e-3"),
    **FITTING_FLAGS,
}


@takes(**FLAGS)
def merge_layers(
    settings: Tree,
    preset: Preset = None,
    scale: Scale = None,
    config: Config = None,
    set_: Set = None,
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
    from synthcli.runs.naming import refuse_run_name

    refuse_run_name(name)
    asked = load_asked("merge-layers", preset, scale, config, set_, settings)
    from synthcli.jobs.compress.merge_layers import prepare, run

    with CompressionProgress() as showing:
        job = prepare(asked.config, name or asked.name, showing.preparing)
        announce_compression(job)
        if dry_run:
            return show_merge_plan(job, as_json)
        with screen.show_lost_result(lambda lost: show_merge_figures(lost, as_json)):
            outcome = run(job, showing.progress, screen.say)
    return show_merge_figures(outcome.to_json(), as_json) if as_json else show_merge(outcome)


def show_merge_plan(job: "MergeJob", as_json: bool) -> None:
    """Print what would become of the layers."""
    plan = {
        "run": job.name,
        "bytes": job.bytes,
        "merges": [list(span.layers) for span in job.spans],
        "layers": job.layers,
        "layers_after": job.layers - sum(len(span.layers) - 1 for span in job.spans),
        "start": job.config.start,
        "conditioned": job.config.conditioned,
        "steps": job.config.steps,
    }
    if as_json:
        return screen.data(json.dumps(plan, indent=2))
    rows = [[str(span), job.config.start, f"{job.config.steps:,}"] for span in job.spans]
    screen.table(None, ["layers", "start", "steps"], rows, right=frozenset({2}))
    screen.say(f"{plan['layers']} layers → {plan['layers_after']}")
    return screen.say("nothing was written\nnext: the same without `--dry-run`")


def show_merge(outcome: "MergeOutcome") -> None:
    """Print the figures, what was written, and what to do next."""
    show_merge_figures(outcome.to_json(), as_json=False)
    run, teacher = outcome.run.path, outcome.job.teacher.path
    screen.say(f"wrote `{run / 'checkpoints'}` and `{run / 'results' / 'compress.json'}`")
    evaluate = f"synth eval teacher-agreement {run} --teacher {teacher}"
    screen.say(f"next: `synth heal {run} --teacher {teacher}`, `{evaluate}`")


def show_merge_figures(table: "MergeResult", as_json: bool) -> None:
    """Print the table, what was tried, and what it came to."""
    if as_json:
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    rows = [row for one in table["merges"] for row in list_merge_rows(one)]
    columns = ["layers", "start", "parameters", "after", "NMSE before", "after", "seconds"]
    title = "NMSE on held-out text: 0 is the teacher, 1 the mean"
    screen.table(title, columns, rows, right=frozenset(range(2, 7)), least=(6, 2, 3, 1))
    for one in table["merges"]:
        for line in describe_refused(one, "layers " + "+".join(str(layer) for layer in one["layers"])):
            screen.say(line)
        if one["drops"]:
            screen.say(describe_drops(one))
    from synthcli.compress.fidelity.outputs import describe_outputs

    near, layers = table["model"], table["layers"][-1] + 1
    return screen.say(
        f"whole model: {layers} → {len(table['layers'])} layers, {near['parameters_before']:,} → "
        f"{near['parameters_after']:,} parameters, {describe_outputs(near)}"
    )


def describe_drops(one: "MergeRow") -> str:
    """Say that a copy in place of several layers drops the others."""
    words = " and ".join(str(layer) for layer in one["drops"])
    verb = "is" if len(one["drops"]) == 1 else "are"
    first = f"note: from `{one['start']}` layer {words} {verb} dropped, and the one that stays is trained"
    known = one["start"] == "copy-last" and len(one["layers"]) == 2
    return first + (" (for a pair that is LaCo's merge)" if known else "")


def list_merge_rows(one: "MergeRow") -> list[list[str]]:
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
