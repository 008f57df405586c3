"""What `make gpu-check` calls right of a training step."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.gpu.steps import compare

WANT = [2.0, 1.9, 1.8]


def result(got: list[float], precision: str = "fp32", recurrent: bool = False, calls: int = 0) -> str:
    training: Any = SimpleNamespace(
        model=SimpleNamespace(config=SimpleNamespace(has_recurrence=recurrent)),
        config=SimpleNamespace(optimizer=SimpleNamespace(kind="adamw")),
    )
    return cast(str, compare("case", training, precision, got, WANT, calls)["result"])


@pytest.mark.parametrize(
    ("got", "precision", "wanted"),
    [
        (WANT, "fp32", "passed"),
        ([2.001, 1.9, 1.8], "fp32", "failed"),
        ([2.001, 1.9, 1.8], "bf16", "passed"),
        ([2.0, 1.9, 1.7], "bf16", "failed"),
        ([2.0, 2.0, 2.0], "fp16", "passed"),  # the scaler skipped steps
        ([2.0, 1.9, float("nan")], "fp16", "failed"),
    ],
)
def test_losses_are_held_against_the_processor_s(got: list[float], precision: str, wanted: str) -> None:
    assert result(got, precision) == wanted


def test_a_recurrent_model_passes_only_where_its_kernel_ran() -> None:
    assert result(WANT, recurrent=True) == "failed"
    assert result(WANT, recurrent=True, calls=2) == "passed"
