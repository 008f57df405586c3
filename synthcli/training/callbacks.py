"""What a training tells others about itself; logging, evaluation and saving are such others."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthcli.training.training import Training

# what to do once a write of a training has failed and is seen to; callbacks of a run name the run
RESUME = "`synth train … --resume`: the checkpoints before it are whole"


@dataclass(frozen=True)
class Step:
    """One optimizer step; `loss` is the mean over its targets, `grad_norm` that before clipping.

    `tokens` are what the model read, padding apart, in all processes.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    grad_norm: float
    targets: int
    is_skipped: bool = False  # fp16: the gradient overflowed and the weights stayed
    tokens: int = 0


@dataclass(frozen=True)
class Evaluation:
    """The mean loss over the targets of the validation examples, without label smoothing."""

    step: int
    loss: float
    targets: int


class Callback:
    """Does nothing; override what matters. Called in the order of the list given to `train`."""

    runs_everywhere = False  # else in the main process alone

    def on_start(self, training: "Training") -> None:
        """Before the first step, `training.step` being 0 or the step resumed from."""

    def on_step(self, training: "Training", step: Step) -> None:
        """After every step."""

    def on_evaluate(self, training: "Training", evaluation: Evaluation) -> None:
        """After a validation loss was computed."""

    def before_save(self, training: "Training") -> None:
        """Before a checkpoint is written: what must not be older than it goes to the disk."""

    def on_save(self, training: "Training", path: Path) -> None:
        """After a checkpoint was written."""

    def on_end(self, training: "Training") -> None:
        """After the last step, or the one an interrupt ended; not after an error."""
