"""`synth compare`: arms by seeds, paired; a verdict by rule, with its power said first."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from synthcli.cli import screen
from synthcli.cli.compare_options import (
    Arms,
    AsJson,
    Equal,
    FailIfWorse,
    Jobs,
    Ladder,
    Margin,
    Metric,
    NoiseFloor,
    OnlyPlan,
    Output,
    Records,
    Samples,
    Seeds,
    Times,
)
from synthcli.cli.comparison_shown import show_comparison_plan, show_noise, show_report
from synthcli.cli.device_option import Device
from synthcli.cli.engine_option import Address, Engine
from synthcli.cli.going_on import same_command, tell_how_to_go_on
from synthcli.cli.presets import Scale, Set
from synthcli.cli.samples_shown import compare_files
from synthcli.cli.tune_options import Halving, TrialsOfArms, Tune, read_trial_count
from synthcli.errors import Stopped

if TYPE_CHECKING:
    from synthcli.compare.contrast_types import ContrastTable


def compare(
    context: typer.Context,
    arms: Arms,
    seeds: Seeds = 3,
    scale: Scale = None,
    set_: Set = None,
    metric: Metric = None,
    margin: Margin = None,
    equal: Equal = None,
    ladder: Ladder = None,
    records: Records = None,
    only_plan: OnlyPlan = False,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    device: Device = "auto",
    output: Output = Path("reports"),
    tune: Tune = None,
    trials: TrialsOfArms = None,
    halving: Halving = False,
    noise_floor: NoiseFloor = False,
    times: Times = False,
    samples: Samples = False,
    fail_if_worse: FailIfWorse = None,
    as_json: AsJson = False,
) -> None:
    """Compare presets over seeds, in pairs, and decide by rule which is better, if any.

    Equal seeds are pairs: the same data in the same order, and the same initial values of what both have.
    What is done is kept, what was interrupted is resumed: give the same command again at any time.

    Examples:

    ```
    synth compare wmt14-vanilla wmt14-dense --scale smoke --seeds 5
    synth compare lm1b-vanilla 'wide=lm1b-vanilla: model.d_ff=256' --plan
    synth compare lm1b-vanilla lm1b-dense --tune training.clip=0..2
    synth compare --samples samples_arc_A.jsonl samples_arc_B.jsonl
    ```
    """
    if samples:
        return compare_files(context, arms, metric or [], as_json)
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.compare.arms import parse_arms
    from synthcli.jobs.compare.compare import compare as compare_arms
    from synthcli.jobs.compare.compare import count_kept, find_noise, prepare
    from synthcli.jobs.compare.config import CompareConfig
    from synthcli.jobs.compare.equal import equalise, parse_equal
    from synthcli.jobs.compare.tuning import plan_tuned, prepare_for, tune_arms
    from synthcli.jobs.ladder.ladder import check_ladder, prepare_ladder
    from synthcli.jobs.ladder.rungs import parse_ladder
    from synthcli.jobs.parallel.carry_out import default_jobs
    from synthcli.jobs.parallel.cluster import on_engine

    config = CompareConfig(
        tuple(parse_arms(arms, alone=noise_floor)),
        seeds,
        scale,
        tuple(set_ or ()),
        tuple(metric or ()),
        tuple(margin or ()),
        records,
        same_command(),
        parse_equal(tuple(equal or ())),
        ladder=None if ladder is None else parse_ladder(ladder),
        has_times=times,
    )
    number = read_trial_count(tune, trials, halving, noise_floor)
    with (
        tell_how_to_go_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        screen.show_lost_result(lambda lost: screen.data(json.dumps(lost, indent=2))),
        on_engine(engine, address, is_used=not only_plan),
        ReproducingProgress() as board,
    ):
        jobs = jobs or default_jobs()
        config = count_kept(config, output)
        if config.ladder:
            check_ladder(config)
        config = equalise(config, output / config.name, board, jobs)
        if tune:
            found = prepare_for(config, tune, number, halving, output)
            config = plan_tuned(config, found) if only_plan else tune_arms(config, found, output, board, jobs)
        comparison = (prepare_ladder if config.ladder else prepare)(config)
        if noise_floor and not only_plan:
            return show_noise(*find_noise(comparison, board, jobs), as_json)
        report = None if only_plan else compare_arms(comparison, output, board, jobs)
    if report is None:
        return show_comparison_plan(comparison, as_json)
    show_report(report, as_json)
    if not as_json:
        screen.say(f"wrote `{output / config.name}`")
    first = [one for one in report["contrasts"] if one["metric"] == config.quantity.word]
    if fail_if_worse is not None and any(may_be_worse(one, fail_if_worse) for one in first):
        screen.say(f"an arm may be worse by {fail_if_worse:g} or more")
        raise typer.Exit(1)
    return None


def may_be_worse(contrast: "ContrastTable", difference: float) -> bool:
    """Whether the interval of seeds and samples together reaches as far on the worse side."""
    low, high = contrast["both"]["interval"]
    return -low >= difference if contrast["higher_is_better"] else high >= difference
