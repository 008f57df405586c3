"""Training steps of the papers' sizes: time, memory, and a profile of where the time goes."""

from collections.abc import Iterator

from benchmarks.gpu import profiles
from benchmarks.gpu.kernel_calls import counting
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from benchmarks.gpu.trainings import SHAPES, forget_peak, make, milliseconds, peak_gigabytes, take
from synthcli.device import on_device
from synthcli.model import count_parameters
from synthcli.training.trainer import Trainer

STEPS = {"cuda": 10, "cpu": 2}  # of a profile


def run(bench: Bench) -> Iterator[Row]:
    """Time and profile every shape."""
    with on_device(bench.word):
        for name in SHAPES:
            yield from of_shape(bench, name)


def of_shape(bench: Bench, name: str) -> Iterator[Row]:
    """Time and profile one, alone in memory."""
    forget_peak(bench.device)
    training = make(bench, name)
    yield {"shape": name, "preset": SHAPES[name].preset, **time_step(training)}
    yield {"profile": name, **profile(training)}


def time_step(training: Trainer) -> Row:
    """Time a training's steps; where the model is recurrent its kernel has to have run."""
    device = training.device
    with counting() as calls:
        step = take(training)[0]
    taken = milliseconds(training)
    needs_kernel = training.model.config.has_recurrence  # type: ignore[union-attr]
    return {
        "result": FAILED if needs_kernel and not calls[device.type] else PASSED,
        "parameters": count_parameters(training.model),
        "precision": training.precision.name,
        "milliseconds": taken,
        "tokens_per_second": round(step.tokens / taken * 1e3),
        "peak_gigabytes": peak_gigabytes(device),
        "kernel_calls": calls.total(),
    }


def profile(training: Trainer) -> Row:
    steps = STEPS[training.device.type]
    return profiles.record(lambda: void(take(training, steps)), training.device, steps)


def void(steps: object) -> None:
    """Forget what steps came to."""
