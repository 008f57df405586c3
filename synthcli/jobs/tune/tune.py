"""Tune arms: the same points, trials and steps for each; the best by validation loss becomes its settings."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthcli.compare.search import SHARES, Axis, Point, Range, keep_better, points_on, rungs
from synthcli.disk import guard_write
from synthcli.errors import SynthError, WorkFailedError
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.compare.compare import ELSEWHERE, KEPT, has_diverged
from synthcli.jobs.parallel.carry_out import Board, carry_out_all
from synthcli.jobs.parallel.work import Failure
from synthcli.jobs.train import plan_with_store
from synthcli.jobs.tune.axes import fit_axes, parse_axes, refuse_set, settings_of
from synthcli.jobs.tune.trials import Trial, TrialRecord, find_trial, read_trials, record_of, write_trials
from synthcli.runs import refuse_unwritable_runs

TRIAL_SEED = 1000  # added to the first seed of an arm: none of its final seeds is one of a trial


@dataclass(frozen=True)
class TuneConfig:
    """What is looked through for which arms; `option` is what a user writes a range behind."""

    arms: tuple[Arm, ...]
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    seeds: tuple[int, ...]  # of each arm's trials
    scale: str | None = None
    overrides: tuple[str, ...] = ()
    is_halving: bool = False
    steps: tuple[int | None, ...] = ()  # of each arm
    option: str = "--tune"

    @property
    def trials(self) -> int:
        return len(self.points)

    def rungs_of(self, arm: Arm) -> tuple[int | None, ...]:
        """Return where the trials of an arm are looked at; None is the end of the training."""
        steps = self.steps[self.arms.index(arm)]
        return (None,) if steps is None or not self.is_halving else (*rungs(steps)[:-1], None)

    def trial(self, arm: Arm, number: int) -> Trial:
        """Return a trial of an arm, by its number from 1, validated at every rung there may be."""
        place, point = self.arms.index(arm), self.points[number - 1]
        steps, seed = self.steps[place], self.seeds[place]
        often = () if steps is None else (f"training.evaluate_every={rungs(steps)[0]}",)
        settings = (*often, *settings_of(point))
        return Trial(arm, number, point, settings, self.scale, self.overrides, seed)


def configure(
    arms: Sequence[Arm],
    words: Sequence[str],
    trials: int,
    scale: str | None = None,
    overrides: Sequence[str] = (),
    is_halving: bool = False,
    option: str = "--tune",
) -> TuneConfig:
    """Return what a tuning does; every mistake in it is found here, before anything is trained."""
    if any(arm.run is not None for arm in arms):
        raise SynthError(f"`{option}` is for presets, and a run is trained already", "name its preset")
    axes = parse_axes(words, option)
    refuse_set(axes, overrides, option)
    experiments = [arm.experiment(scale, overrides, None) for arm in arms]
    axes = fit_axes(axes, list(zip(arms, experiments, strict=True)), option)
    points = tuple(points_on(axes, trials))
    if len(points) < trials:
        message = f"{trials} trials are asked for, and there are {len(points)} different points"
        raise SynthError(message, f"`--trials {len(points)}` tries them all, or name a wider range")
    steps = tuple(plan_with_store(experiment).steps for experiment in experiments)
    if is_halving and None in steps:
        message = (
            f"nobody knows how many steps arm `{arms[steps.index(None)].name}` has before it has a store"
        )
        raise SynthError(
            message, "prepare its corpus first, `synth prepare-corpus`, or give `training.steps`"
        )
    seeds = [
        one.training.seed if arm.has_own_seeds else experiments[0].training.seed
        for arm, one in zip(arms, experiments, strict=True)
    ]
    config = TuneConfig(
        tuple(arms),
        axes,
        points,
        tuple(seed + TRIAL_SEED for seed in seeds),
        scale,
        tuple(overrides),
        is_halving,
        steps,
        option,
    )
    for arm in arms:
        for number in range(1, trials + 1):
            refuse_misfit(config.trial(arm, number), option)
    return config


def refuse_misfit(trial: Trial, option: str) -> None:
    """Raise for a point that makes no experiment, with its values."""
    try:
        trial.experiment()
    except SynthError as error:
        values = ", ".join(settings_of(trial.point))
        hint = f"name only what fits: `{option} KEY=LOW..HIGH`, or `{option} 'KEY=A|B|C'`"
        raise SynthError(f"with {values}: {error.message}", hint) from error


@dataclass
class Tuning:
    """The trials of all arms, a trial of each arm before the next: what is waiting, and what there is."""

    config: TuneConfig
    records: dict[tuple[str, int], TrialRecord] = field(default_factory=dict)
    waiting: list[Trial] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    number_done: int = 0
    total: int = 0

    def end(self, work: Trial, result: object) -> None:
        """Take the record of a trial; one that diverged has one too."""
        self.number_done += 1
        if isinstance(result, TrialRecord):
            self.records[work.arm.name, work.number] = result
            return
        assert isinstance(result, Failure)
        if has_diverged(result):
            run = work.run()
            assert run is not None  # it diverged in it
            record = record_of(run, work.experiment(), result.message)
            self.records[work.arm.name, work.number] = replace(record, is_finished=False)
        else:
            self.failures.append(result)

    def outcome_of(self, result: object) -> str:
        """Say what a trial came to in a few words."""
        if isinstance(result, Failure):
            return f"failed: {result.message}"
        assert isinstance(result, TrialRecord)
        return f"validation loss {result.losses[-1][1]:.4g}" if result.losses else result.diverged

    def records_of(self, arm: Arm) -> list[TrialRecord]:
        """Return what there is of an arm, in the order of its trials."""
        numbers = range(1, self.config.trials + 1)
        return [self.records[arm.name, number] for number in numbers if (arm.name, number) in self.records]

    def losses_of(self, arm: Arm, rung: int) -> dict[int, float]:
        """Return the losses of an arm's trials that came to a rung, by number; inf where they diverged."""
        found: dict[int, float] = {}
        alive = list(range(1, self.config.trials + 1))
        for until in self.config.rungs_of(arm)[: rung + 1]:
            found = {number: self._loss(arm, number, until) for number in alive}
            alive = keep_better(found)
        return found

    def alive_at(self, arm: Arm, rung: int) -> list[int]:
        """Return the trials of an arm that go on to a rung."""
        if rung == 0:
            return list(range(1, self.config.trials + 1))
        return keep_better(self.losses_of(arm, rung - 1))

    def _loss(self, arm: Arm, number: int, until: int | None) -> float:
        record = self.records[arm.name, number]
        loss = record.loss_at(until)
        if loss is None:
            message = f"run `{record.run}` has no validation loss at step {until}"
            raise SynthError(message, f"`synth runs rm {record.run}` removes it, and it is trained anew")
        return loss


def prepare_tuning(config: TuneConfig, folders: Sequence[Path | None]) -> Tuning:
    """Return a tuning with the trials that folders of records tell of."""
    found, tuning = [one for folder in folders for one in read_trials(folder)], Tuning(config)
    known = sorted(found, key=lambda one: (one.is_finished, len(one.losses)), reverse=True)
    for arm in config.arms if known else ():
        for number in range(1, config.trials + 1):
            record = find_trial(known, config.trial(arm, number).experiment())
            if record is not None:
                tuning.records[arm.name, number] = record
    return tuning


def tune(tuning: Tuning, folder: Path, board: Board, jobs: int = 1) -> None:
    """Make the trials that are missing, `jobs` at a time, and keep their records in a folder."""
    refuse_unwritable_runs()
    config = tuning.config
    tuning.total, tuning.number_done = sum(map(sum, most_works(config))), 0
    for rung in range(len(SHARES) if config.is_halving else 1):
        tuning.waiting = list(works_at(tuning, rung))
        carry_out_all(tuning, board, min(jobs, len(tuning.waiting)))
        refuse_failures(tuning)
    for arm in config.arms:
        refuse_diverged(tuning, arm)
    with guard_write(f"the trials in `{folder}`", folder, ELSEWHERE, KEPT):
        write_trials(folder, [one for arm in config.arms for one in tuning.records_of(arm)])


def works_at(tuning: Tuning, rung: int) -> Iterator[Trial]:
    """Yield the trials that are to be trained up to a rung, a trial of every arm before the next trial."""
    config = tuning.config
    for number in range(1, config.trials + 1):
        for arm in config.arms:
            stops = config.rungs_of(arm)
            if rung >= len(stops) or number not in tuning.alive_at(arm, rung):
                continue
            record = tuning.records.get((arm.name, number))
            if record is None or record.loss_at(stops[rung]) is None:
                yield replace(config.trial(arm, number), until=stops[rung])
            else:
                tuning.total -= 1


def most_works(config: TuneConfig) -> list[list[int]]:
    """Return how many trials of each arm come to each rung, where none diverges."""
    table = []
    for arm in config.arms:
        counts = [config.trials]
        for _ in config.rungs_of(arm)[1:]:
            counts.append(math.ceil(counts[-1] / 2))
        table.append(counts)
    return table


def winner_of(tuning: Tuning, arm: Arm) -> int:
    """Return the number of the best trial of an arm: the lowest loss at the end, of equal ones the first."""
    losses = tuning.losses_of(arm, len(tuning.config.rungs_of(arm)) - 1)
    return min(losses, key=lambda number: (losses[number], number))


def settle(tuning: Tuning) -> tuple[Arm, ...]:
    """Return the arms with the settings of their best trials, which come after their own."""
    config = tuning.config
    return tuple(
        replace(arm, overrides=(*arm.overrides, *settings_of(config.points[winner_of(tuning, arm) - 1])))
        for arm in config.arms
    )


def refuse_diverged(tuning: Tuning, arm: Arm) -> None:
    """Raise where no trial of an arm came to its end."""
    config = tuning.config
    losses = tuning.losses_of(arm, len(config.rungs_of(arm)) - 1)
    if not any(map(math.isfinite, losses.values())):
        ranges = [axis for axis in config.axes if isinstance(axis, Range)]
        lower = " ".join(f"{config.option} {axis.key}={axis.beyond('low')}" for axis in ranges)
        hint = f"begin lower: `{lower}`" if ranges else "offer other choices"
        raise WorkFailedError(f"every trial of arm `{arm.name}` diverged", hint)


def refuse_failures(tuning: Tuning) -> None:
    """Raise for trials that failed otherwise than by diverging."""
    failures, tuning.failures = tuning.failures, []
    if failures:
        lines = [f"{one.part}: {one.message}" for one in failures]
        error = WorkFailedError("\n".join([f"{len(lines)} trials failed:", *lines]), failures[0].hint or KEPT)
        error.exit_code = failures[0].exit_code
        raise error


def complete(tuning: Tuning) -> bool:
    """Take the trials that runs hold, and say whether all are there; nothing is trained."""
    config, is_whole = tuning.config, True
    for rung in range(len(SHARES) if config.is_halving else 1):
        for trial in list(works_at(tuning, rung)):
            run = trial.run()
            if run is None or not trial.is_reached(run):
                is_whole = False
            else:
                tuning.records[trial.arm.name, trial.number] = record_of(run, trial.experiment())
        if not is_whole:
            return False
    return True
