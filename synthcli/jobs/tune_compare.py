"""The tuning of a comparison: each arm is tuned first, and compared with its best settings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthcli.compare.search import rungs
from synthcli.errors import SynthError
from synthcli.jobs.compare_arms import Arm
from synthcli.jobs.compare_config import CompareConfig
from synthcli.jobs.parallel import Board
from synthcli.jobs.tune import (
    TRIAL_SEED,
    Tuning,
    complete,
    configure,
    prepare_tuning,
    settle,
    tune,
)
from synthcli.jobs.tune_report import tabulate

RECORDS = "records"  # of a report's folder


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
    return prepare_tuning(asked, [config.records, output / config.name / RECORDS])


def tune_arms(
    config: CompareConfig, tuning: Tuning, output: Path, board: Board, jobs: int = 1
) -> CompareConfig:
    """Make the trials that are missing; return the comparison of arms with their best settings."""
    tune(tuning, output / config.name / RECORDS, board, jobs)
    return replace(config, arms=settle(tuning), tuning=tabulate(tuning))


def plan_tuned(config: CompareConfig, tuning: Tuning, *trains: object) -> CompareConfig:
    """Return the comparison as it can be planned: of tuned arms where every trial is there."""
    if complete(tuning):
        return replace(config, arms=settle(tuning), tuning=tabulate(tuning))
    return replace(config, tuning=trials_plan(tuning))


def trials_plan(tuning: Tuning) -> dict[str, object]:
    """Return how many trials each arm lacks, what one costs of a run, and the seconds of those there are."""
    config = tuning.config
    return {
        "trials": config.trials,
        "ranges": {axis.key: str(axis) for axis in config.axes},
        "missing": {arm.name: config.trials - len(tuning.records_of(arm)) for arm in config.arms},
        "share": {arm.name: _share(tuning, arm) for arm in config.arms},
        "seconds": {
            arm.name: [one.seconds for one in tuning.records_of(arm) if one.is_finished]
            for arm in config.arms
        },
    }


def _seconds(tuning: Tuning, arm: Arm) -> list[float]:
    return [one.seconds for one in tuning.records_of(arm) if one.is_finished]


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
