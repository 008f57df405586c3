"""Trainings as `synth train` makes them, of the papers' sizes on text that every Python carries.

On a processor they are of the scale `smoke`: a rehearsal.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.gpu.clock import seconds
from benchmarks.gpu.parts import Bench
from synthcli.jobs.stores import examples_of, store_for
from synthcli.jobs.train import fit_experiment
from synthcli.model import build
from synthcli.objectives import OBJECTIVES
from synthcli.presets import load_preset
from synthcli.training.events import Step
from synthcli.training.interrupts import interrupts
from synthcli.training.seeding import seed_torch
from synthcli.training.step import take_step
from synthcli.training.trainer import Trainer, prepare

SAMPLES = {"cuda": 9, "cpu": 1}
PIECES = ("data.tokenizer.kind=sentencepiece-unigram", "data.tokenizer.vocab_size=4000")  # soon trained
BYTES = ("data.corpus=stdlib-bytes", "data.batch.size=4")  # a GPU's share of 32 streams on 8


@dataclass(frozen=True)
class Shape:
    """A preset at paper scale, and what it reads instead of its corpus; the model is the paper's."""

    preset: str
    settings: tuple[str, ...]


SHAPES = {
    "enwik8": Shape("srupp-enwik8-base", BYTES),
    "enwik8, attention": Shape("enwik8-pre-norm", BYTES),
    "codeparrot": Shape(
        "codeparrot-pre-norm", ("data.corpus=stdlib-code", "model.vocab_size=50000", *PIECES)
    ),
    "codeparrot, skipless": Shape(
        "codeparrot-skipless", ("data.corpus=stdlib-code", "model.vocab_size=50000", *PIECES)
    ),
    "wmt14": Shape(
        "wmt14-vanilla",
        (
            *("data.corpus=stdlib-docstrings", "model.vocab_size=32000", *PIECES),
            *("model.encoder.max_length=96", "model.decoder.max_length=96"),  # as long as its sentences
        ),
    ),
}


def make(bench: Bench, name: str, *settings: str) -> Trainer:
    """Return a training of a shape where it is to run; `on_device` has to hold for as long as it does."""
    shape = SHAPES[name]
    scale, own = ("paper", shape.settings) if bench.is_cuda else ("smoke", ())
    experiment = load_preset(shape.preset, scale, None, [*own, *settings])
    store = store_for(experiment.data)
    experiment = fit_experiment(experiment, store)
    seed_torch(0)
    model = build(experiment.model)
    examples = examples_of(store, "train", experiment.model, experiment.data)
    objective = OBJECTIVES[experiment.model.task]
    training = prepare(model, examples, objective, experiment.training, experiment.data.batch, ())
    training.model.train()
    return training


def take(training: Trainer, steps: int = 1) -> list[Step]:
    """Take steps."""
    with interrupts() as interrupt:
        return [take_step(training, interrupt) for _ in range(steps)]


def milliseconds(training: Trainer) -> float:
    """Return the median time of a step."""
    samples = SAMPLES[training.device.type]
    return round(1e3 * seconds(lambda: take(training), training.device, samples), 3)


def wall_seconds(training: Trainer, steps: int) -> float:
    """Return how long steps take, by the clock on the wall, the device's work included."""
    finish(training.device)
    began = time.perf_counter()
    take(training, steps)
    finish(training.device)
    return time.perf_counter() - began


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Give memory back, and count its peak anew."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gigabytes(device: torch.device) -> float | None:
    """Return the most memory of a GPU that tensors took at once."""
    return round(torch.cuda.max_memory_allocated(device) / 1e9, 2) if device.type == "cuda" else None


def weights(training: Trainer) -> dict[str, Any]:
    """Return a copy of the weights on the host."""
    return {name: tensor.detach().cpu().clone() for name, tensor in training.model.state_dict().items()}
