"""The validation loss while training."""

from collections.abc import Iterator

import numpy as np
import torch

from synthcli.training.callbacks import Callback, Evaluation, Step
from synthcli.training.training import Examples, Indices, Training, moved

BATCH_SIZE = 64


class Validation(Callback):
    """Σ loss / Σ targets over examples spread evenly over a split; every process takes a share."""

    runs_everywhere = True

    def __init__(self, examples: Examples, batch_size: int = BATCH_SIZE) -> None:
        self.examples, self.batch_size = examples, batch_size

    def on_step(self, training: Training, step: Step) -> None:
        if step.step % training.config.evaluate_every == 0 or step.step == training.steps:
            evaluation = self.evaluate(training)
            training.evaluation = evaluation
            training.announce("on_evaluate", evaluation)

    @torch.no_grad()
    def evaluate(self, training: Training) -> Evaluation:
        """Return the loss in evaluation mode; the mode and the generators stay as they were."""
        model, was_training = training.model, training.model.training
        total_loss, total_targets = 0.0, 0
        model.eval()
        devices = [training.device] if training.device.type == "cuda" else []
        with torch.random.fork_rng(devices), training.precision.autocast(training.device):
            for indices in self._batches(training):
                batch = moved(self.examples.collate(indices), training.device)
                loss, targets = training.objective(model, batch, 0.0)
                total_loss, total_targets = total_loss + loss.item(), total_targets + targets
        model.train(was_training)
        mean_of, count = training.total(total_loss, total_targets)
        return Evaluation(training.step, mean_of / count, int(count))

    def _batches(self, training: Training) -> Iterator[Indices]:
        """Yield this process's batches, examples of like length together."""
        count = min(len(self.examples), training.config.validation_examples or len(self.examples))
        chosen = np.linspace(0, len(self.examples), count, endpoint=False, dtype=np.int64)
        by_length = chosen[np.argsort(self.examples.lengths[chosen], kind="stable")]
        starts = range(0, count, self.batch_size)
        for start in starts[training.accelerator.process_index :: training.accelerator.num_processes]:
            yield by_length[start : start + self.batch_size]
