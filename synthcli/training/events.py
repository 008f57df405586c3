"""What happens in a training, as callbacks are told of it."""

from dataclasses import dataclass

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
