"""One optimizer step: the gradient of a mean over all targets, clipped, applied."""

import math
from contextlib import nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from synthcli.errors import WorkFailedError
from synthcli.memory import within_memory
from synthcli.objectives import Batch, count_targets, count_tokens
from synthcli.training.events import Step
from synthcli.training.interrupts import Interrupt
from synthcli.training.optimizers import set_rate
from synthcli.training.schedules import learning_rate
from synthcli.training.seeding import seed_torch
from synthcli.training.trainer import Trainer, to_device

SMALLEST_SCALE = 2.0**-14  # a gradient that overflows float16 even so is not finite
REMEDY = (
    "lower the rate of `training.schedule`, lengthen its `warmup_steps`, lower `training.clip` or "
    "set `training.precision=fp32`; earlier checkpoints are whole"
)


def take_step(training: Trainer, interrupt: Interrupt) -> Step:
    """Update the weights by the gradient of the mean loss over all targets of a step.

    The mean is over micro-batches and processes: how a step is split does not matter.
    """
    training.step += 1
    seed_torch(training.config.seed, training.step, training.accelerator.process_index)
    epoch, batches = training.next_batches()
    targets, tokens = training.total(sum(map(count_targets, batches)), sum(map(count_tokens, batches)))
    divisor = max(targets, 1.0)  # rows of marks alone have nothing to predict
    loss = accumulate_gradient(training, batches, divisor)
    norm = gradient_norm(training)
    mean_loss, grad_norm = read_figures(training, loss, norm, divisor, interrupt)
    rate = learning_rate(training.config.schedule, training.step, training.steps, d_model_of(training.model))
    refuse_non_finite(training, mean_loss, grad_norm)
    is_skipped = not update(training, rate, norm, grad_norm)
    return Step(training.step, epoch, mean_loss, rate, grad_norm, int(targets), is_skipped, int(tokens))


def accumulate_gradient(training: Trainer, batches: list[Batch], targets: float) -> Tensor:
    """Add up the gradient of Σ loss / targets; return this process's Σ loss.

    Processes' gradients are averaged after the last micro-batch, hence the factor of their number.
    """
    losses: list[Tensor] = []
    factor = training.accelerator.num_processes / targets
    for number, batch in enumerate(batches, start=1):
        is_last = number == len(batches)
        syncing = nullcontext() if is_last else training.accelerator.no_sync(training.forward)
        with syncing, within_memory(setting=smaller_micro_batch(batch)):
            with training.precision.autocast(training.device):
                loss = training.loss(to_device(batch, training.device), number)
            training.scaler.scale(loss * factor).backward()
        losses.append(loss.detach())
    return sum(losses[1:], start=losses[0])


def settle_buffers(training: Trainer) -> None:
    """Have several processes put gradients into buffers as they will in every step from the second on.

    DistributedDataParallel orders them anew after its first backward, a resumed training's too, and where in
    a buffer a gradient stands decides in which order it is summed over three processes or more.
    """
    if training.accelerator.num_processes > 1 and training.step < training.steps:
        with training.precision.autocast(training.device):
            loss = training.loss_of_nothing()
        loss.backward()
        training.optimizer.zero_grad(set_to_none=True)


def smaller_micro_batch(batch: Batch) -> str:
    """Return the setting that forwards half as many rows at once; none where there is one row."""
    rows = max(len(part) for part in batch.values() if part is not None and part.dim() > 1)
    return f"data.batch.micro_size={rows // 2}" if rows > 1 else ""


def read_figures(
    training: Trainer, loss: Tensor, norm: Tensor, divisor: float, interrupt: Interrupt
) -> tuple[float, float]:
    """Return the mean loss over processes and the gradient's norm: a step's only wait for the device.

    Whether any process was interrupted is noted along with it. Several processes wait once more, for the
    number of targets.
    """
    if training.accelerator.num_processes == 1:
        own_loss, grad_norm = torch.stack((loss, norm)).tolist()
        training.is_interrupted = interrupt.is_requested
        return own_loss / divisor, grad_norm
    mean = loss.double() / divisor
    summed = training.accelerator.reduce(
        torch.stack((mean, torch.full_like(mean, interrupt.is_requested))), "sum"
    )
    mean_loss, interrupted, grad_norm = torch.cat((summed, norm.double()[None])).tolist()
    training.is_interrupted = interrupted > 0
    return mean_loss, grad_norm


def gradient_norm(training: Trainer) -> Tensor:
    """Return the norm of the whole gradient, its scale removed."""
    training.scaler.unscale_(training.optimizer)
    gradients = [p.grad for p in training.trainable if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def update(training: Trainer, rate: float, norm: Tensor, grad_norm: float) -> bool:
    """Clip the gradient, apply it, forget the gradient; return False where float16 overflowed.

    The norm is given as the device has it, and as a number.
    """
    if 0 < training.config.clip < grad_norm:
        torch.nn.utils.clip_grads_with_norm_(training.trainable, training.config.clip, norm)
    set_rate(training.optimizer, rate)
    scale = training.scaler.get_scale()
    training.scaler.step(training.optimizer)
    training.scaler.update()
    training.optimizer.zero_grad(set_to_none=True)
    return training.scaler.get_scale() >= scale


def refuse_non_finite(training: Trainer, loss: float, grad_norm: float) -> None:
    """Raise before the weights are lost; float16's own overflows are left to the scaler."""
    may_overflow = training.scaler.is_enabled() and training.scaler.get_scale() > SMALLEST_SCALE
    for name, value in (("loss", loss), ("gradient's norm", grad_norm)):
        if not math.isfinite(value) and (name == "loss" or not may_overflow):
            raise WorkFailedError(f"the {name} is {value} at step {training.step}", REMEDY)


@runtime_checkable
class _HasWidth(Protocol):
    d_model: int


def d_model_of(model: nn.Module) -> int:
    """Return the width that schedules know: a model's, or that of the layer a student stands for."""
    config = model.config
    assert isinstance(config, _HasWidth)
    return config.d_model
