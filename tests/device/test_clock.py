"""What is timed on a device is timed until the device has done it."""

import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from synthcli.compress.costs import costs_of, time_on
from synthcli.jobs.reproduce.rows import time_task
from synthcli.jobs.train import Observer
from tests.device.cases import CASES, make
from tests.device.double import CUDA, Device


def test_what_was_given_before_is_waited_for_and_what_is_timed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: happened.append("wait"))
    monkeypatch.setattr(time, "perf_counter", lambda: happened.append("clock") or len(happened))
    seconds = time_on(CUDA, lambda: happened.append("work"))
    assert happened == ["wait", "clock", "work", "wait", "clock"] and seconds == 3
    happened.clear()
    time_on(torch.device("cpu"), lambda: happened.append("work"))
    assert happened == ["clock", "work", "clock"]


def test_steps_and_forwards_of_different_models_are_apart(
    corpora: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthcli.jobs.reproduce.rows.TIMED_ROUNDS", 1)
    monkeypatch.setattr("synthcli.compress.costs.REPEATS", 1)
    with Device() as device:
        made = make(CASES["masked-lm, rows"], corpora)
        made.training.close()
        device.begin()
        costs_of([made.training.model], {"tokens": torch.ones(1, 4, dtype=torch.long)})
        assert count_waits(device) == 2
        device.begin()
        time_task({"one": made.experiment, "two": made.experiment}, Observer(say=lambda line: None))
        assert count_waits(device) == 2 * 2 * 2  # before and after, two models, a round that warms up and one


def count_waits(device: Device) -> int:
    return sum(number for what, number in device.waits.items() if what.endswith(": synchronize"))


def test_a_step_is_timed_as_it_trains(corpora: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr("synthcli.jobs.reproduce.rows.TIMED_ROUNDS", 0)

    def look(*_: Any) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())

    monkeypatch.setattr("synthcli.jobs.reproduce.rows.take_step", look)
    monkeypatch.setattr("statistics.median", lambda values: 0.0)
    case = CASES["masked-lm, rows"]
    for settings in (case.settings, (*case.settings, "training.deterministic=true")):
        with Device():
            made = make(replace(case, settings=settings), corpora)
            made.training.close()
            time_task({"one": made.experiment}, Observer(say=lambda line: None))
    assert seen == [False, True] and not torch.are_deterministic_algorithms_enabled()
