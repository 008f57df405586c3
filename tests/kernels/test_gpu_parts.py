"""What `make gpu-check` calls right of resumed, killed, limited and evaluated work."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import kills, limits
from benchmarks.gpu.deterministic import try_task
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.resume import differences
from benchmarks.gpu.verbs import compare
from synthcli.errors import SynthError

BENCH = Bench(torch.device("cpu"), Path())


def done(code: int, out: str = "", error: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.CompletedProcess([], code, out, error)


def test_bits_of_every_tensor_count() -> None:
    one = {"a": torch.zeros(2), "b": torch.ones(2), "c": torch.ones(1)}
    assert differences(one, dict(one)) == []
    assert differences(one, {"a": torch.zeros(2), "b": torch.tensor([1.0, 1 + 2**-23]), "d": one["c"]}) == [
        "b",
        "c",
        "d",
    ]


@pytest.mark.parametrize(
    ("code", "out", "is_free", "wanted"),
    [
        (0, "2 kills\n", False, "passed"),
        (1, "2 kills\ndiffers: journal.jsonl\n", False, "failed"),
        (1, "2 kills\ndiffers: journal.jsonl\n", True, "passed"),  # noted, not promised
        (1, "2 kills\n", True, "failed"),
        (1, "", True, "failed"),
    ],
)
def test_bits_of_killed_trainings_are_promised_where_they_are_asked_for(
    code: int, out: str, is_free: bool, wanted: str
) -> None:
    row = kills.judge(done(code, out, "a traceback"), is_free)
    assert row["result"] == wanted
    assert ("reason" in row) == (not out)


def test_a_task_passes_if_its_steps_have_the_same_bits() -> None:
    assert try_task(lambda: [1.0])["result"] == "passed"
    losses = iter(([1.0], [1.0 + 2**-50]))
    assert try_task(lambda: next(losses))["result"] == "failed"

    def refuse() -> None:
        raise SynthError("`cumsum` has no deterministic form")

    assert try_task(refuse) == {"result": "failed", "reason": "`cumsum` has no deterministic form"}


@pytest.mark.parametrize(
    ("here", "wanted"),
    [
        ({"x": 100.001, "y": 1e-8}, "passed"),
        ({"x": 100.1, "y": 0.0}, "failed"),
        ({"x": 100.0, "y": 1e-4}, "failed"),
        ({"x": 100.0}, "failed"),
        ({"x": float("nan"), "y": 0.0}, "failed"),
    ],
)
def test_figures_are_held_against_the_processor_s(here: dict[str, float], wanted: str) -> None:
    assert compare(here, {"x": 100.0, "y": 0.0})["result"] == wanted


SHORT = (
    "error: there is not enough memory\nhint: `synth train --resume r --set data.batch.micro_size=64` reads"
)


@pytest.mark.parametrize(
    ("outcomes", "wanted", "commands"),
    [
        ([done(1, error=SHORT), done(0)], "passed", 1),
        ([done(1, error=SHORT), done(1, error=SHORT), done(0)], "passed", 2),
        ([done(0)], "failed", 0),  # memory did not end
        ([done(1, error=SHORT)] * limits.MOST_COMMANDS, "failed", limits.MOST_COMMANDS),
    ],
)
def test_the_command_of_a_message_is_followed(
    outcomes: list[Any], wanted: str, commands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    left = iter(outcomes)

    def run(bench: Bench, words: list[str]) -> Any:
        ran.append(words)
        return next(left)

    monkeypatch.setattr(limits, "synth_limited", run)
    row = limits.end_memory(BENCH)
    assert (row["result"], row["commands"]) == (wanted, commands)
    assert all(words == ["train", "--resume", "r", *ran[1][3:]] for words in ran[1:])


@pytest.mark.parametrize("error", ["Traceback (most recent call last):\n" + SHORT, "error: killed"])
def test_a_traceback_or_no_command_is_no_message(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "synth_limited", lambda bench, words: done(1, error=error))
    assert limits.end_memory(BENCH)["result"] == "failed"
