"""The training loop: one for every job; what differs is the objective and who listens."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from torch import nn

from synthcli.data.config import BatchConfig
from synthcli.memory import within_memory
from synthcli.objectives import Objective
from synthcli.training.checkpoints import Checkpoint, restore_training
from synthcli.training.config import TrainingConfig
from synthcli.training.determinism import deterministic, fix_workspace
from synthcli.training.events import Evaluation, Step
from synthcli.training.interrupts import interrupts
from synthcli.training.step import settle_buffers, take_step
from synthcli.training.trainer import Callback, TrainingExamples, prepare


@dataclass(frozen=True)
class Outcome:
    """How a training ended; `evaluation` is the last there was."""

    step: int
    steps: int
    last: Step | None
    evaluation: Evaluation | None
    precision: str
    is_interrupted: bool


def train(
    model: nn.Module,
    examples: TrainingExamples,
    objective: Objective,
    config: TrainingConfig,
    batch: BatchConfig,
    *,
    callbacks: Sequence[Callback] = (),
    resume: Checkpoint | None = None,
) -> Outcome:
    """Train the model in place, from the start or from a checkpoint of the same training."""
    with within_memory(), fix_workspace(config.deterministic):
        training, step = prepare(model, examples, objective, config, batch, callbacks), None
        if resume is not None:
            restore_training(training, resume)
        training.model.train()
        with (
            closing(training),
            interrupts() as interrupt,
            deterministic(config.deterministic, training.device),
        ):
            training.announce("on_start")
            settle_buffers(training)
            while training.step < training.steps and not training.is_interrupted:
                step = take_step(training, interrupt)
                training.announce("on_step", step)
            training.announce("on_end")
    interrupted = training.is_interrupted
    return Outcome(
        training.step, training.steps, step, training.evaluation, training.precision.name, interrupted
    )
