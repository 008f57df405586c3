"""`synth tune`: look for settings at the same points for whoever asks, by validation loss."""

import json
from pathlib import Path
from typing import Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.compare_options import AsJson, Jobs, OnlyPlan, Output
from synthcli.cli.completion import list_presets, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import same_command, tell_how_to_go_on
from synthcli.cli.panels import WORK
from synthcli.cli.presets import Scale, Set
from synthcli.cli.tune_options import TRIALS, Halving, Over, Trials
from synthcli.cli.tuning_shown import show_plan_of_tuning, show_tuning
from synthcli.errors import Stopped

Preset = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="A preset, a file, or 'NAME=PRESET: KEY=VALUE …'.",
        autocompletion=make_completer(list_presets),
    ),
]
Records = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Records with trials, also of other machines.", rich_help_panel=WORK),
]


def tune(
    preset: Preset,
    over: Over,
    trials: Trials = TRIALS,
    halving: Halving = False,
    scale: Scale = None,
    set_: Set = None,
    records: Records = None,
    only_plan: OnlyPlan = False,
    jobs: Jobs = None,
    device: Device = "auto",
    output: Output = Path("reports"),
    as_json: AsJson = False,
) -> None:
    """Look for the best settings of a preset, by validation loss alone.

    Every trial is a run, with a seed that no comparison uses.
    What is done is kept, what was interrupted is resumed: give the same command again at any time.

    Examples:

    ```
    synth tune wmt14-dense --over training.schedule.peak=1e-4..1e-2
    synth tune lm1b-dense --over training.clip=0..2 --trials 16 --halving --plan
    ```
    """
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.parallel.carry_out import default_jobs
    from synthcli.jobs.tune.alone import TuneRequest, plan_alone, prepare_alone, tune_alone

    request = TuneRequest(
        preset, tuple(over), trials, scale, tuple(set_ or ()), halving, records, output, same_command()
    )
    alone = prepare_alone(request)
    if only_plan:
        return show_plan_of_tuning(plan_alone(alone), as_json)
    with (
        tell_how_to_go_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        screen.show_lost_result(lambda lost: screen.data(json.dumps(lost, indent=2))),
        ReproducingProgress() as board,
    ):
        report = tune_alone(alone, board, jobs or default_jobs())
    if as_json:
        return screen.data(json.dumps(report, indent=2, ensure_ascii=False))
    show_tuning(report["tuning"])
    screen.say(f"wrote `{alone.folder}`")
    return screen.say(f"next: `{report['next']}`")
