"""The validation loss while training."""

import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from synthcli.errors import WorkFailedError
from synthcli.memory import within_memory
from synthcli.model.interface import get_config, get_initial_state
from synthcli.objectives import Batch, segment_lm
from synthcli.training.events import Evaluation, Step
from synthcli.training.step import REMEDY
from synthcli.training.trainer import Callback, Indices, Trainer, TrainingExamples, to_device


@runtime_checkable
class _Streams(Protocol):
    streams: int  # that stand side by side


class Validation(Callback):
    """Σ loss / Σ targets over examples spread evenly over a split; every process takes a share."""

    runs_everywhere = True

    def __init__(self, examples: TrainingExamples, batch_size: int | None = None) -> None:
        self.examples, self.batch_size = examples, batch_size

    def on_step(self, training: Trainer, step: Step) -> None:
        if step.step % training.config.evaluate_every == 0 or step.step == training.steps:
            evaluation = self.evaluate(training)
            training.evaluation = evaluation
            training.announce("on_evaluate", evaluation)

    @torch.no_grad()
    def evaluate(self, training: Trainer) -> Evaluation:
        """Return the loss in evaluation mode; the mode stays as it was.

        What is drawn, such as which tokens are masked, is the same every time, in however many processes.
        """
        model, was_training = training.model, training.model.training
        model.eval()
        with training.precision.autocast(training.device):
            losses = self._of_streams(training) if self.examples.is_stream else self._of_examples(training)
            total_loss, total_targets = (sum(column) for column in zip(*losses, strict=True))
        model.train(was_training)
        mean_of, count = training.total(total_loss, total_targets)
        if not count:
            message = "no validation example holds a token to predict: there is no validation loss"
            raise WorkFailedError(message, "raise `training.validation_examples`, or prepare more text")
        loss = mean_of / count
        if not math.isfinite(loss):
            raise WorkFailedError(f"the validation loss is {loss} at step {training.step}", REMEDY)
        return Evaluation(training.step, loss, int(count))

    def _of_examples(self, training: Trainer) -> Iterator[tuple[float, int]]:
        yield 0.0, 0
        for indices in self._batches(training):
            with within_memory(setting=smaller_batch(indices)):
                batch = self._batch(training, indices)
                loss, targets = training.objective(training.model, batch, 0.0)
                figure = loss.item()
            yield figure, targets

    def _of_streams(self, training: Trainer) -> Iterator[tuple[float, int]]:
        """Yield the loss of segment after segment, each after the state of the one before."""
        yield 0.0, 0
        assert isinstance(self.examples, _Streams)
        streams, model = self.examples.streams, training.model
        count = min(len(self.examples), training.config.validation_examples or len(self.examples))
        mine = np.arange(streams)[training.accelerator.process_index :: training.accelerator.num_processes]
        state, window = get_initial_state(model), get_config(model).max_target_length
        for first in range(0, count if len(mine) else 0, streams):
            batch = self._batch(training, first + mine)
            loss, targets, state = segment_lm(model, batch, state, window=window)
            yield loss.item(), targets

    def _batch(self, training: Trainer, indices: Indices) -> Batch:
        return to_device(
            training.ready(self.examples.collate(indices, training.config.seed, 0)), training.device
        )

    def _batches(self, training: Trainer) -> Iterator[Indices]:
        """Yield this process's batches, examples of like length together."""
        count = min(len(self.examples), training.config.validation_examples or len(self.examples))
        chosen = np.linspace(0, len(self.examples), count, endpoint=False, dtype=np.int64)
        by_length = chosen[np.argsort(self.examples.lengths[chosen], kind="stable")]
        size = self.batch_size or training.config.validation_batch_size
        starts = range(0, count, size)
        for start in starts[training.accelerator.process_index :: training.accelerator.num_processes]:
            yield by_length[start : start + size]


def smaller_batch(indices: Indices) -> str:
    """Return the setting by which half as many examples are read at once; none where there is one."""
    return f"training.validation_batch_size={len(indices) // 2}" if len(indices) > 1 else ""
