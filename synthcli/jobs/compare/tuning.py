"""The tuning of a comparison: each arm is tuned first, and compared with its best settings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthcli.compare.search import rungs
from synthcli.errors import SynthError
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.parallel.carry_out import Board
from synthcli.jobs.tune.report import tabulate
from synthcli.jobs.tune.report_types import MissingTrials, TrialsPlan
from synthcli.jobs.tune.tune import (
    TRIAL_SEED,
    TuneConfig,
    Tuning,
    complete,
    configure,
    prepare_tuning,
    settle,
    tune,
)
from synthcli.presets.schema import Experiment

RECORDS = "records"  # of a report's folder
VALIDATION = "validation"
SAME_SPLIT = (
    "arms are compared on the validation split, by which their settings were chosen: figures are better than "
    "on other text; `--set evaluation.split=test` compares on that where there is some"
)


def prepare_for(
    config: CompareConfig, words: Sequence[str], trials: int, is_halving: bool, output: Path
) -> Tuning:
    """Return the tuning of the arms of a comparison, with the trials that records tell of."""
    if config.seeds > TRIAL_SEED:
        message = (
            f"with {config.seeds:,} seeds some would be those of trials, which begin {TRIAL_SEED:,} later"
        )
        raise SynthError(message, f"`--seeds {TRIAL_SEED}` is the most that can be tuned for")
    asked = configure(config.arms, words, trials, config.scale, config.overrides, is_halving)
    for arm, experiment in zip(config.arms, config.experiments, strict=True) if config.ladder else ():
        _refuse_rungs(config, arm, experiment, asked)
    return prepare_tuning(asked, [config.records, output / config.name / RECORDS])


def _refuse_rungs(config: CompareConfig, arm: Arm, experiment: Experiment, asked: TuneConfig) -> None:
    """Raise where rungs of a ladder set what is to be found: theirs would count."""
    ladder = config.ladder
    assert ladder is not None
    rungs_of_arm = [ladder.settings(experiment, value) for value in ladder.values]
    set_by_rungs = {word.partition("=")[0] for settings in rungs_of_arm for word in settings}
    for axis in asked.axes:
        if axis.key in set_by_rungs:
            message = (
                f"`--ladder {ladder.name}` sets `{axis.key}` of arm `{arm.name}`, and `--tune` is to find it"
            )
            raise SynthError(message, "leave one of them out")


def tune_arms(
    config: CompareConfig, tuning: Tuning, output: Path, board: Board, jobs: int = 1
) -> CompareConfig:
    """Make the trials that are missing; return the comparison of arms with their best settings."""
    tune(tuning, output / config.name / RECORDS, board, jobs)
    return with_best(config, tuning)


def with_best(config: CompareConfig, tuning: Tuning) -> CompareConfig:
    """Return the comparison of arms with their best settings; every trial is there."""
    table = tabulate(tuning)
    if any(one.evaluation.split == VALIDATION for one in config.experiments):
        table["warnings"].append(SAME_SPLIT)
    return replace(config, arms=settle(tuning), tuning=table)


def plan_tuned(config: CompareConfig, tuning: Tuning) -> CompareConfig:
    """Return the comparison as it can be planned: of tuned arms where every trial is there."""
    if complete(tuning):
        return with_best(config, tuning)
    return replace(config, tuning=trials_plan(tuning))


def trials_plan(tuning: Tuning) -> TrialsPlan:
    """Return what is looked through, and what of it each arm lacks."""
    config = tuning.config
    return {
        "trials": config.trials,
        "ranges": {axis.key: str(axis) for axis in config.axes},
        "missing": {arm.name: count_missing(tuning, arm) for arm in config.arms},
    }


def count_missing(tuning: Tuning, arm: Arm) -> MissingTrials:
    """Return the trials an arm lacks, what they cost in whole runs, and the seconds of those there are."""
    there = tuning.records_of(arm)
    missing = tuning.config.trials - len(there)
    seconds = [one.seconds for one in there if one.is_finished]
    return {"trials": missing, "runs": missing * _share(tuning, arm), "seconds": seconds}


def _share(tuning: Tuning, arm: Arm) -> float:
    """Return what a trial costs, as a share of a whole training: less where the worse half stops early."""
    config = tuning.config
    steps, stops = config.steps[config.arms.index(arm)], config.rungs_of(arm)
    if steps is None or len(stops) == 1:
        return 1.0
    done, alive, total = 0, config.trials, 0.0
    for stop in rungs(steps):
        total += alive * (stop - done) / steps
        done, alive = stop, -(-alive // 2)
    return total / config.trials
