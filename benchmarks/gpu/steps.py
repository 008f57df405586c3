"""Steps of training of every task and family: losses in every format beside the processor's in float32.

Models are narrow, of two layers, without dropout; the first loss is that of the same weights.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.kernel_calls import counting
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, SKIPPED, Row
from benchmarks.gpu.trainings import take
from synthcli.device import on_device
from synthcli.training.trainer import Trainer
from tests.device.cases import CASES, make, write_corpora

STEPS = 5
NEAR = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 5e-3}  # of the first loss, relative
LATER = {"fp32": 1e-3, "bf16": 5e-2}  # of the others; float16's scaler may skip steps
WITHOUT_DROPOUT = ("model.dropout=0.0", "model.mixer.dropout=0.0")


def run(bench: Bench) -> Iterator[Row]:
    """Take steps of every case on the processor, then here in every format."""
    corpora = bench.folder / "corpora"
    write_corpora(corpora)
    for name in CASES:
        with on_device("cpu"):
            want = losses(prepare(name, corpora, "fp32"))
        for precision in NEAR:
            if precision == "fp16" and not bench.is_cuda:
                yield {"case": name, "precision": precision, "result": SKIPPED, "reason": "only on CUDA"}
                continue
            with on_device(bench.word), counting() as calls:
                training = prepare(name, corpora, precision)
                got = losses(training)
            yield compare(name, training, precision, got, want, calls[bench.device.type])


def prepare(name: str, corpora: Path, precision: str, *settings: str) -> Trainer:
    """Return a case's training in a number format."""
    case = CASES[name]
    more = (*WITHOUT_DROPOUT, f"training.precision={precision}", *settings)
    return make(replace(case, settings=(*case.settings, *more)), corpora).training


def losses(training: Trainer) -> list[float]:
    return [step.loss for step in take(training, STEPS)]


def compare(
    name: str, training: Trainer, precision: str, got: list[float], want: list[float], calls: int
) -> Row:
    """Hold losses against those of the processor in float32."""
    errors = [abs(one - other) / abs(other) for one, other in zip(got, want, strict=True)]
    later = max(errors[1:]) <= LATER.get(precision, math.inf) and all(map(math.isfinite, got))
    has_run = calls > 0 or not training.model.config.has_recurrence  # type: ignore[union-attr]
    return {
        "case": name,
        "precision": precision,
        "result": PASSED if errors[0] <= NEAR[precision] and later and has_run else FAILED,
        "optimizer": training.config.optimizer.kind,
        "losses": [round(loss, 5) for loss in got],
        "first_error": float(f"{errors[0]:.2g}"),
        "largest_error": float(f"{max(errors):.2g}"),
        "kernel_calls": calls,
    }
