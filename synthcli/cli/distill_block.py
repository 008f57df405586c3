"""`synth distill-block`: replace the mixer of a block by another, from a formula and by training."""

import json
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.completion import join_or, list_mixers
from synthcli.cli.compress_flags import (
    FITTING_FLAGS,
    STEPS_SHOWN,
    TEACHER,
    blocks_in,
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
from synthcli.cli.going_on import tell_how_to_resume
from synthcli.cli.panels import MODEL, TRAINING
from synthcli.cli.presets import Config, Set
from synthcli.cli.run_options import RunName
from synthcli.compress.option_values import CRITERIA, FORMULAS
from synthcli.presets.merge import Tree

if TYPE_CHECKING:
    from synthcli.compress.config import PipelineConfig
    from synthcli.jobs.compress.distill_block import DistillJob, DistillOutcome
    from synthcli.jobs.compress.report_types import BlockRow, DistillResult, HealAccount, ProbeReport

START = (
    "By a formula (whitened-svd, greedy-heads, mean-map, moving-averages, ridge, linear-map, mean), "
    "at random (random), or the one ahead after a short trial (best)."
)
FLAGS = {
    "block": flag(
        "blocks",
        list[str],
        "A layer, counted from 0; repeatable, or `all`.",
        MODEL,
        "--block",
        metavar="N",
        words=("all",),
        read=lambda words: {"blocks": blocks_in(words)},
    ),
    "teacher": TEACHER,
    "mixer": flag("mixer", str, f"{join_or(list_mixers())}.", MODEL, shown="attention", words=list_mixers),
    "heads": flag("heads", int, "Heads of the student.", MODEL, shown="the teacher's"),
    "d_k": flag(
        "d_head", int, "Columns of a head.", MODEL, "--d-k", "--d-head", shown="half of the teacher's"
    ),
    "criterion": flag("criterion", str, f"{join_or(CRITERIA)}.", TRAINING, shown="mse", words=CRITERIA),
    "relation_heads": flag("relation_heads", int, "Of the criterion `relation`.", TRAINING, min=1),
    "start": flag("start", str, START, MODEL, "--start", "--init", shown="best", words=FORMULAS),
    "steps": flag("steps", int, "Training steps of each block.", TRAINING, min=0, shown=STEPS_SHOWN),
    "lr": flag(
        "learning_rate",
        float,
        "Peak learning rate.",
        TRAINING,
        "--lr",
        min=1e-9,
        shown="by the mixer: 1e-3 for attention",
    ),
    **FITTING_FLAGS,
}


@takes(**FLAGS)
def distill_block(
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
    """Replace the mixer of blocks by another: from a formula first, then by training on recorded activations.

    Examples:

    ```
    synth distill-block --block 6
    synth distill-block --block all --mixer random --closed-form-only
    synth distill-block --preset bert-half-pipeline --scale smoke
    ```
    """
    from synthcli.runs.naming import refuse_run_name

    refuse_run_name(name)
    asked = load_asked("distill-block", preset, scale, config, set_, settings)
    is_pipeline = asked.config.method == "pipeline"
    with CompressionProgress() as showing:
        from synthcli.jobs.compress import distill_block as distilling
        from synthcli.jobs.compress import pipeline

        job = (pipeline if is_pipeline else distilling).prepare(
            asked.config, asked.model, name or asked.name, showing.preparing
        )
        announce_compression(job)
        if dry_run:
            return show_distill_plan(job, as_json)
        if is_pipeline:
            return run_stages(job, asked.config, showing, as_json)
        with screen.show_lost_result(lambda lost: show_distill_figures(lost, as_json)):
            outcome = distilling.run(job, showing.progress, screen.say)
    return show_distill_figures(outcome.to_json(), as_json) if as_json else show_distillation(outcome)


def run_stages(
    job: "DistillJob", config: "PipelineConfig", showing: CompressionProgress, as_json: bool
) -> None:
    """Run all stages of a pipeline, and show each."""
    from synthcli.cli.heal import report_healing
    from synthcli.cli.probe import show_probe
    from synthcli.cli.train import TrainingScreen
    from synthcli.jobs.compress.pipeline import run_distillation, run_healing

    with screen.show_lost_result(lambda lost: show_stage(lost, as_json)):
        probed, distilled = run_distillation(job, showing.progress, screen.say)
    showing.bar.stop()  # a training shows its own
    if not as_json:
        show_probe(probed, as_json)
        show_distillation(distilled)
    with (
        tell_how_to_resume("heal"),
        TrainingScreen(job.name) as observer,
        screen.show_lost_result(lambda lost: show_stage(lost, as_json)),
    ):
        done = run_healing(config, probed, distilled, observer)
    if as_json:
        return screen.data(json.dumps(done.to_json(), indent=2, ensure_ascii=False))
    return report_healing(done.healed, as_json=False)


def show_stage(table: "ProbeReport | DistillResult | HealAccount", as_json: bool) -> None:
    """Print what one stage of a pipeline found."""
    from synthcli.cli.heal import show_healing
    from synthcli.cli.probe import show_probe

    if "findings" in table:
        return show_probe(table, as_json)
    return show_distill_figures(table, as_json) if "blocks" in table else show_healing(table, as_json)


def show_distill_plan(job: "DistillJob", as_json: bool) -> None:
    """Print what would replace what."""
    from synthcli.jobs.compress.distill_block import plan_rows

    rows = plan_rows(job)
    if as_json:
        return screen.data(json.dumps({"run": job.name, "bytes": job.bytes, "blocks": rows}, indent=2))
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


def show_distillation(outcome: "DistillOutcome") -> None:
    """Print the figures, what was written, and what to do next."""
    show_distill_figures(outcome.to_json(), as_json=False)
    run, teacher = outcome.run.path, outcome.job.teacher.path
    screen.say(f"wrote `{run / 'checkpoints'}` and `{run / 'results' / 'compress.json'}`")
    metric = outcome.metric
    screen.say(f"next: `synth eval {metric} {run}`, `synth heal {run} --teacher {teacher}`")


def show_distill_figures(table: "DistillResult", as_json: bool) -> None:
    """Print the table, what was tried, and what it came to."""
    if as_json:
        return screen.data(json.dumps(table, indent=2, ensure_ascii=False))
    rows = [row for one in table["blocks"] for row in list_block_rows(one)]
    columns = ["block", "mixer", "start", "parameters", "after", "NMSE before", "after", "seconds"]
    title = "NMSE on held-out text: 0 is the teacher, 1 the mean"
    screen.table(title, columns, rows, right=frozenset(range(3, 8)), least=(7, 3, 4, 2))
    for one in table["blocks"]:
        for line in describe_refused(one, f"block {one['block']}"):
            screen.say(line)
    from synthcli.compress.fidelity.outputs import describe_outputs

    near = table["model"]
    return screen.say(
        f"whole model: {near['parameters_before']:,} → {near['parameters_after']:,} parameters, "
        f"{describe_outputs(near)}"
    )


def list_block_rows(one: "BlockRow") -> list[list[str]]:
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
