"""Short training of a student on cached activations: student(x) towards y, by one criterion.

AdamW, by default without weight decay (coupled L2 pulls a student to the mean), linear warm-up, then half a
cosine. Dropout is off but where `dropout` asks for it: what is fitted is a function. NMSE is that of text the
student is not trained on.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.config import FitConfig
from synthcli.compress.distill.criteria.base import POSITIONS, Criterion
from synthcli.compress.fidelity.nmse import nmse
from synthcli.data.config import BatchConfig
from synthcli.device import device_of
from synthcli.errors import OutOfMemoryError, SynthError, WorkFailedError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention
from synthcli.objectives import IGNORED, Batch, real_targets
from synthcli.training.events import Step
from synthcli.training.loop import train
from synthcli.training.trainer import Callback, Trainer

SLOWER = "lower the learning rate, or begin from another start"
OnMeasure = Callable[[int, int, float], None]  # (step, steps, NMSE on held-out text)


class NotLearntError(WorkFailedError):
    """A student that is no better than the mean of its target, or not finite."""


@dataclass(frozen=True)
class Fit:
    """How a student was fitted; `curve` holds (step, NMSE on held-out text), `kept` its weights' step."""

    nmse_before: float
    nmse_after: float
    curve: tuple[tuple[int, float], ...]
    seconds: float
    steps: int
    kept: int = 0


class StudentLoss(nn.Module):
    """A mixer or a whole layer as the loop trains it: from a batch to its loss; `dropping` parts drop."""

    def __init__(
        self,
        student: nn.Module,
        criterion: Criterion,
        stack: str,
        d_model: int,
        dropping: Sequence[Attention] = (),
    ) -> None:
        super().__init__()
        self.student, self.criterion, self.stack = student, criterion, stack
        self.fixed = nn.ModuleList(criterion.fixed)  # they go where the student goes
        self.config = SimpleNamespace(d_model=d_model)
        self.dropping = tuple(dropping)

    def forward(self, batch: Batch) -> Tensor:
        context = context_of(self.stack, batch["padding"])
        if "positions" in batch:  # found before the batch went to its device
            context.made[POSITIONS] = batch["positions"]
        x, y = batch["x"], batch["y"]
        assert x is not None and y is not None
        return self.criterion.loss(self.student, x, y, context)

    def train(self, mode: bool = True) -> "StudentLoss":
        super().train(False)
        for part in self.dropping:
            part.training = mode
        return self


def objective(model: nn.Module, batch: Batch, label_smoothing: float) -> tuple[Tensor, int]:
    """Return the loss of a batch summed over real tokens, and their number."""
    loss: Tensor = model(batch)
    return loss, len(real_targets(batch)[1])


class BlockAsMixer(nn.Module):
    """A whole block, called as a mixer is."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor, context: Context, state: None = None) -> tuple[Tensor, None]:
        y, _ = self.block(x, context, None, None)
        return y, None


class ActivationExamples:
    """What a student is shown: x, y and padding of cached sequences; a target a real token."""

    is_stream = False

    def __init__(self, cache: ActivationCache, source: HookPoint, target: HookPoint) -> None:
        self.cache, self.source, self.target = cache, source, target

    def __len__(self) -> int:
        return len(self.cache.lengths)

    @property
    def lengths(self) -> npt.NDArray[np.integer]:
        return self.cache.lengths

    def collate(self, indices: npt.NDArray[np.int64], seed: int = 0, epochs: object = 0) -> Batch:
        """Return a batch, in which nothing is drawn."""
        x, padding = self.cache.read(self.source, indices)
        y, _ = self.cache.read(self.target, indices)
        targets = torch.zeros(x.shape[:2], dtype=torch.int64)
        if padding is not None:
            targets = targets.masked_fill(padding, IGNORED)
        return {"x": x, "y": y, "padding": padding, "targets": targets}


@dataclass
class FittingCurve(Callback):
    """Measures NMSE as a student learns, keeps the best weights, and stops one that does not learn."""

    measure: Callable[[], float]
    settings: FitConfig
    what: str
    criterion: Criterion
    on_measure: OnMeasure | None = None
    points: list[tuple[int, float]] = field(default_factory=list)
    best: tuple[int, float, dict[str, Tensor]] = (0, math.inf, {})

    def note(self, wrapped: nn.Module, step: int) -> float:
        """Measure the student as it is."""
        wrapped.eval()
        value = self.measure()
        wrapped.train()
        self.points.append((step, value))
        if not math.isfinite(value):
            raise NotLearntError(f"the student of {self.what} is not finite after {step} steps", SLOWER)
        if value < self.best[1] or not self.criterion.is_error:
            self.best = (step, value, copy.deepcopy(wrapped.get_submodule("student").state_dict()))
        if self.on_measure is not None:
            self.on_measure(step, self.settings.steps, value)
        return value

    def on_step(self, training: Trainer, step: Step) -> None:
        if step.step % self.settings.evaluate_every == 0 or step.step == training.steps:
            self.refuse_collapse(step.step, self.note(training.model, step.step))

    def refuse_collapse(self, step: int, value: float) -> None:
        """Raise where a student that had its time is no better than the mean."""
        limit, patience = self.settings.collapsed, self.settings.patience
        if self.criterion.is_error and step >= patience and value >= limit:
            raise NotLearntError(
                f"the student of {self.what} does not learn: NMSE {value:.3f} after {step} steps, allowed "
                f"below {limit} after {patience}; 1.0 is the mean of what it should be",
                "lower the learning rate, begin from a closed form, or use `--mixer none`, which is the mean",
            )


def attention_in(student: nn.Module) -> list[Attention]:
    """Return what of a student has maps of attention."""
    return [part for part in student.modules() if isinstance(part, Attention)]


def refuse_dropout(student: nn.Module, rate: float) -> None:
    """Raise where there is no map of attention that a rate could drop of."""
    if rate and not attention_in(student):
        message = f"`--dropout {rate}` is that of maps of attention, and the student has none"
        raise SynthError(message, "leave it out")


@contextmanager
def dropout_of(student: nn.Module, rate: float) -> Iterator[list[Attention]]:
    """Have a student's attention drop at a rate while it is in training mode; afterwards it is as it was."""
    refuse_dropout(student, rate)
    parts = attention_in(student) if rate else []
    own = [part.config for part in parts]
    for part in parts:
        part.config = part.config.model_copy(update={"dropout": rate})
    try:
        yield parts
    finally:
        for part, config in zip(parts, own, strict=True):
            part.config = config
            part.eval()


def fit(
    student: nn.Module,
    cache: ActivationCache,
    source: HookPoint,
    target: HookPoint,
    criterion: Criterion,
    settings: FitConfig,
    held_out: ActivationCache,
    on_measure: OnMeasure | None = None,
    micro_size: int | None = None,
) -> Fit:
    """Train a student in place from `source` to `target`; its weights are those of the lowest NMSE seen.

    With a criterion that is no error of y, the last weights are kept whatever their NMSE.
    """
    began, home = time.perf_counter(), device_of(student)
    width = cache.read(source, np.arange(1))[0].shape[-1]
    with dropout_of(student, settings.dropout) as dropping:
        wrapped = StudentLoss(student, criterion, source.stack, width, dropping).eval()
        curve = FittingCurve(
            lambda: nmse(student, held_out, source, target), settings, str(target), criterion, on_measure
        )
        before = curve.note(wrapped, 0)
        if settings.steps == 0 or not any(p.requires_grad for p in student.parameters()):
            return Fit(before, before, tuple(curve.points), time.perf_counter() - began, 0)
        size = min(settings.batch_size, len(cache.lengths))
        batch = BatchConfig(size=size, micro_size=micro_size, group_by_length=True)
        examples = ActivationExamples(cache, source, target)
        try:
            outcome = train(wrapped, examples, objective, settings.training(), batch, callbacks=[curve])
        except (NotLearntError, OutOfMemoryError):
            raise
        except WorkFailedError as error:
            raise NotLearntError(f"the student of {target}: {error.message}", SLOWER) from error
        finally:
            wrapped.to(home)  # the teacher's parts too, where training has a device of its own
    if outcome.is_interrupted:
        raise KeyboardInterrupt
    step, after, weights = curve.best
    student.load_state_dict(weights)
    return Fit(before, after, tuple(curve.points), time.perf_counter() - began, outcome.step, step)
