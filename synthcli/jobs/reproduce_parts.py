"""The parts of a reproduction, each done by one process at a time, and what they tell of themselves."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from synthcli.errors import NotWrittenError, SynthError
from synthcli.jobs.reproduce_compressed import compressed_rows
from synthcli.jobs.reproduce_rows import Reproduction, experiment_of, make_row, step_times
from synthcli.jobs.train import Watcher
from synthcli.presets import plan
from synthcli.reproduce.tasks import Task
from synthcli.runs import Run
from synthcli.training.callbacks import Callback, Step
from synthcli.training.training import Training


class Listener(Protocol):
    """Is told what one part does."""

    def say(self, line: str) -> None:
        """Take one line for people."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Take how far it is."""


@dataclass(frozen=True)
class Part:
    """The row of a variant, the step times of a task's variants, or the rows of a compressed teacher.

    `runs` are those of the parts before it, by variant.
    """

    kind: Literal["row", "step-times", "compressed"]
    task: Task
    asked: Reproduction
    variant: str = ""
    runs: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        corpus = "" if self.task.corpus is None else f" on {self.task.corpus}"
        if self.kind == "row":
            return f"{self.task.presets[self.variant]}{corpus}"
        if self.kind == "step-times":
            return f"step times, {self.task.name}{corpus}"
        return f"one block of {self.task.presets[self.variant]}"


@dataclass(frozen=True)
class Failure:
    """Why a part has no result; `lost` is what could not be written, `trace` where a fault of ours is."""

    part: str
    message: str
    hint: str = ""
    exit_code: int = 1
    lost: Any = None
    trace: str = ""


def carry_out(part: Part, listener: Listener) -> Any:
    """Return rows, or step times by variant."""
    watcher = Watcher(listener.say, listener.progress, training=lambda name: Steps(listener))
    if part.kind == "row":
        return [make_row(part.task, part.variant, part.asked, watcher)]
    if part.kind == "step-times":
        return step_times({variant: Run(Path(path)) for variant, path in part.runs}, watcher)
    ((_, teacher),) = part.runs
    return list(compressed_rows(part.asked.scale, Path(teacher), watcher))


def attempt(part: Part, listener: Listener) -> Any:
    """Carry out a part; return the failure in place of what it raises."""
    try:
        return carry_out(part, listener)
    except SynthError as error:
        lost = error.result if isinstance(error, NotWrittenError) else None
        return Failure(part.name, error.message, error.hint, error.exit_code, lost)
    except OSError as error:
        hint = "see to that file and its disk, then give the same command again"
        return Failure(part.name, str(error), hint)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        return Failure(part.name, f"{type(error).__name__}: {first}", trace=traceback.format_exc())


def cost_of(part: Part) -> float:
    """Return about how many operations the training of a row takes; what it is not known of comes first."""
    planned = plan(experiment_of(part.task, part.variant, part.asked))
    return float("inf") if planned.flops is None else planned.flops


class Steps(Callback):
    """Tells a listener of the steps of a training."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def on_start(self, training: Training) -> None:
        for warning in training.warnings:
            self.listener.say(f"warning: {warning}")

    def on_step(self, training: Training, step: Step) -> None:
        self.listener.progress(f"training, loss {step.loss:.3f}", step.step, training.steps)
