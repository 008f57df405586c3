"""A trial of a tuning: an ordinary run with a seed of its own, looked at on validation text alone."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from synthcli import atomic_files
from synthcli.compare.search import Point
from synthcli.errors import SynthError
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.compare.records import TRIALS, portable_settings
from synthcli.jobs.parallel.work import Listener, ProgressCallback
from synthcli.jobs.reproduce.rows import refuse_incomplete, same, trains_alike
from synthcli.jobs.train import Observer, resume_run, train_experiment
from synthcli.presets.schema import Experiment
from synthcli.runs import Run, list_runs
from synthcli.safe_read import Shape, check_shape, read_table
from synthcli.training.events import Step
from synthcli.training.metrics_log import read_journal
from synthcli.training.trainer import Trainer

HINT = "delete it: the trials that are not there any more are made anew"
TRIAL: Shape = {
    **dict.fromkeys(("preset", "scale", "run", "diverged"), str),
    "configuration": {},
    "losses": [[float]],
    "is_finished": bool,
    "seconds": float,
}


@dataclass(frozen=True)
class TrialRecord:
    """What a trial came to: steps and validation losses; `diverged` says where it did, or nothing."""

    preset: str
    scale: str
    run: str
    configuration: dict[str, object]
    losses: tuple[tuple[int, float], ...]
    is_finished: bool
    diverged: str = ""
    seconds: float = 0.0

    def loss_at(self, step: int | None) -> float | None:
        """Return the loss of a step, or of the last; inf where it diverged, None where it is not known."""
        found = self.losses[-1][1] if step is None and self.is_finished else dict(self.losses).get(step or 0)
        return math.inf if found is None and self.diverged else found

    @classmethod
    def from_json(cls, table: object) -> "TrialRecord":
        """Read what `asdict` gave; ValueError for anything else."""
        check_shape(table, TRIAL)
        assert isinstance(table, dict)
        losses = tuple((int(step), float(loss)) for step, loss in table["losses"])
        if table["is_finished"] and not losses:
            raise ValueError("a finished trial has no loss")
        return cls(**{**table, "losses": losses})


@dataclass(frozen=True)
class Trial:
    """A point of an arm, trained until a step or to its end; it goes on from there when it is asked to."""

    arm: Arm
    number: int
    point: Point
    settings: tuple[str, ...]
    scale: str | None
    overrides: tuple[str, ...]
    seed: int
    until: int | None = None

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        return f"{self.arm.name}, trial {self.number}"

    def experiment(self) -> Experiment:
        arm = replace(self.arm, overrides=(*self.arm.overrides, *self.settings))
        return arm.experiment(self.scale, self.overrides, self.seed)

    def carry_out(self, listener: Listener) -> TrialRecord:
        """Return its record, trained as far as it is asked to."""
        return record_of(self.train(listener), self.experiment())

    def train(self, listener: Listener) -> Run:
        """Return the run of the trial: found, resumed, or begun."""
        observer = Observer(
            listener.say, listener.progress, training=lambda name: Until(listener, self.until)
        )
        run = self.run()
        if run is None:
            run = train_experiment(self.experiment(), observer).run
        elif not self.is_reached(run):
            resume_run(run, None, observer)
        return run if self.is_reached(run) else refuse_incomplete(run)

    def run(self) -> Run | None:
        """Return the run that there is of it."""
        experiment = self.experiment()
        return next((run for run in list_runs(name=experiment.name) if same(run, experiment)), None)

    def is_reached(self, run: Run) -> bool:
        """Whether a run has come as far: it is finished, or stopped where it was to stop."""
        return run.is_finished or (self.until is not None and _last_step(run) >= self.until)


class Until(ProgressCallback):
    """Ends a training after a step as an interrupt would: it is saved there, unfinished, to be resumed."""

    def __init__(self, listener: Listener, until: int | None) -> None:
        super().__init__(listener)
        self.until = until

    def on_step(self, training: Trainer, step: Step) -> None:
        super().on_step(training, step)
        if self.until is not None and self.until <= step.step < training.steps:
            training.is_interrupted = True


def record_of(run: Run, experiment: Experiment, diverged: str = "") -> TrialRecord:
    """Return what the journal of a run says up to its last checkpoint."""
    end = _last_step(run)
    losses = [
        (int(row["step"]), float(row["validation_loss"]))
        for row in read_journal(run.journal)
        if "validation_loss" in row and row["step"] <= end
    ]
    infinite = next((step for step, loss in losses if not math.isfinite(loss)), None)
    if infinite is not None:
        diverged = diverged or f"the validation loss is not finite at step {infinite}"
    if not losses and run.is_finished:
        message = f"run `{run.path}` has no validation loss: `{experiment.data.corpus}` has no such split"
        raise SynthError(message, "settings are chosen on validation text: prepare a corpus that has some")
    return TrialRecord(
        preset=experiment.name,
        scale=experiment.scale,
        run=run.id,
        configuration=portable_settings(experiment),
        losses=tuple((step, loss) for step, loss in losses if math.isfinite(loss)),
        is_finished=run.is_finished and not diverged,
        diverged=diverged,
        seconds=round(sum(row.get("seconds", 0.0) for row in read_journal(run.timings)), 2),
    )


def _last_step(run: Run) -> int:
    return 0 if run.last is None else int(run.last.name.removeprefix("step-"))


def find_trial(known: Sequence[TrialRecord], experiment: Experiment) -> TrialRecord | None:
    """Return the record of exactly this trial."""
    for record in known:
        if record.preset == experiment.name and trains_alike(record.configuration, experiment):
            return record
    return None


def read_trials(folder: Path | None) -> list[TrialRecord]:
    """Return the trials that a folder of records tells of."""
    path = None if folder is None else folder / TRIALS
    if path is None or not path.exists():
        return []
    try:
        table = read_table(path, HINT)
        check_shape(table, {"trials": [{}]})
        return [TrialRecord.from_json(one) for one in table["trials"]]
    except (ValueError, TypeError) as error:
        raise SynthError(f"`{path}` tells of no trials: {error}", HINT) from error


def write_trials(folder: Path, records: Sequence[TrialRecord]) -> None:
    """Keep what trials came to, so that settings are found again without their runs."""
    text = json.dumps({"trials": [asdict(one) for one in records]}, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.write_text(folder / TRIALS, text + "\n")
