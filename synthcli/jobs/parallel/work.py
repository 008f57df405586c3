"""Pieces of work that processes carry out beside each other, what they tell of themselves, how they fail."""

import traceback
from dataclasses import dataclass
from typing import Protocol, TypeVar

from synthcli.errors import NotWrittenError, SynthError
from synthcli.jobs.train import Observer
from synthcli.training.events import Step
from synthcli.training.trainer import Callback, Trainer

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Listener(Protocol):
    """Is told what one part does."""

    def say(self, line: str) -> None:
        """Take one line for people."""

    def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Take how far it is."""


class WorkItem(Protocol[Result_co]):
    """A piece of work, sent to the process that carries it out."""

    @property
    def name(self) -> str:
        """How it is called on the screen."""

    def carry_out(self, listener: Listener) -> Result_co:
        """Do it; what it returns is sent back."""


Work = TypeVar("Work", bound=WorkItem[object])


@dataclass(frozen=True)
class Failure:
    """Why a part has no result; `lost` is what could not be written, `trace` where a fault of ours is."""

    part: str
    message: str
    hint: str = ""
    exit_code: int = 1
    lost: object = None
    trace: str = ""


def attempt(work: WorkItem[Result], listener: Listener) -> Result | Failure:
    """Carry out a piece of work; return the failure in place of what it raises."""
    try:
        return work.carry_out(listener)
    except SynthError as error:
        lost = error.result if isinstance(error, NotWrittenError) else None
        return Failure(work.name, error.message, error.hint, error.exit_code, lost)
    except OSError as error:
        hint = "see to that file and its disk, then give the same command again"
        return Failure(work.name, str(error), hint)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        return Failure(work.name, f"{type(error).__name__}: {first}", trace=traceback.format_exc())


def observer_of(listener: Listener) -> Observer:
    """Return who tells a listener of a training."""
    return Observer(listener.say, listener.progress, training=lambda name: ProgressCallback(listener))


class ProgressCallback(Callback):
    """Tells a listener of the steps of a training."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def on_start(self, training: Trainer) -> None:
        for warning in training.warnings:
            self.listener.say(f"warning: {warning}")

    def on_step(self, training: Trainer, step: Step) -> None:
        self.listener.progress(f"training, loss {step.loss:.3f}", step.step, training.steps)
