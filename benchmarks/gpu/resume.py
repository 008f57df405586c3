"""A training that goes on from its checkpoint, with AdamW and with RAdam: the same bits, in the same time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from benchmarks.gpu.trainings import forget_peak, make, take, wall_seconds, weights
from synthcli.device import on_device
from synthcli.training.checkpoints import Checkpointing, newest_checkpoint, restore_training
from synthcli.training.determinism import deterministic, fix_workspace
from synthcli.training.trainer import Trainer

NAMES = ("codeparrot", "enwik8")  # AdamW, RAdam
STEPS = {"cuda": 6, "cpu": 2}  # before the checkpoint, and after it
TIMED = {"cuda": 20, "cpu": 2}
SLOWEST = 1.15  # of a step after, over one before: on a GPU, which nobody else has


def run(bench: Bench) -> Iterator[Row]:
    """Take steps, write a checkpoint, go on; then go on from the checkpoint, in a training made anew."""
    with on_device(bench.word), fix_workspace(True), deterministic(True, bench.device):
        for name in NAMES:
            forget_peak(bench.device)
            yield go_on(bench, name)


def go_on(bench: Bench, name: str) -> Row:
    folder, steps = bench.folder / name.replace(",", ""), STEPS[bench.device.type]
    whole = make(bench, name, "training.deterministic=true")
    take(whole, steps)
    tokenizer: Any = whole.examples.store.tokenizer  # type: ignore[attr-defined]
    Checkpointing(folder, tokenizer).save(whole)
    take(whole, steps)
    expected, before = weights(whole), milliseconds(whole)
    optimizer = whole.config.optimizer.kind
    del whole
    resumed = resume(bench, name, folder)
    take(resumed, steps)
    differing = differences(expected, weights(resumed))
    after = milliseconds(resumed)
    is_slow = bench.is_cuda and after > SLOWEST * before
    return {
        "shape": name,
        "result": FAILED if differing or is_slow else PASSED,
        "optimizer": optimizer,
        "milliseconds_before": before,
        "milliseconds_after": after,
        "ratio": round(after / before, 3),
        "tensors_that_differ": differing,
    }


def resume(bench: Bench, name: str, folder: Path) -> Trainer:
    """Return a training made anew, brought to where its checkpoint was written."""
    training = make(bench, name, "training.deterministic=true")
    checkpoint = newest_checkpoint(folder)
    assert checkpoint is not None
    restore_training(training, checkpoint)
    return training


def milliseconds(training: Trainer) -> float:
    steps = TIMED[training.device.type]
    return round(1e3 * wall_seconds(training, steps) / steps, 3)


def differences(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of tensors that differ in any bit, or that one side has not."""
    shared = one.keys() & other.keys()
    return sorted((one.keys() ^ other.keys()) | {n for n in shared if not torch.equal(one[n], other[n])})
