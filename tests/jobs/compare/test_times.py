"""Times measured apart: once, kept, told beside the seconds of runs; of other arms they are measured anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthcli.compare.record import RunRecord
from synthcli.errors import SynthError
from synthcli.jobs.compare import step_seconds
from synthcli.jobs.compare.arms import parse_arms
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.page import page
from synthcli.jobs.compare.times import find_peaks, measure_steps, times_markdown
from synthcli.jobs.parallel.crew import threads_of_worker
from tests.jobs.compare.test_page import record, report_of
from tests.jobs.reproducing import Told

ARMS = ("wmt14-vanilla", "d=wmt14-dense")
SECONDS = {"wmt14-vanilla": 0.2, "d": 0.5}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts measurements, in whose place stand numbers."""
    rounds: list[int] = []

    def timed(arms: dict[str, Any], observer: object, count: int) -> dict[str, float]:
        rounds.append(count)
        return {name: SECONDS[name] for name in arms}

    monkeypatch.setattr(step_seconds, "time_task", timed)
    return rounds


def config(**more: Any) -> CompareConfig:
    return CompareConfig(tuple(parse_arms(ARMS)), scale="smoke", has_times=True, **more)


def test_steps_are_measured_once_and_kept(tmp_path: Path, measured: list[int]) -> None:
    told = Told()
    first = measure_steps(config(), {}, tmp_path, told, 1)
    assert first["arms"] == {
        "wmt14-vanilla": {"seconds": 0.2, "relative": 1.0},
        "d": {"seconds": 0.5, "relative": 2.5},
    }
    assert first["threads"] == threads_of_worker(1) and first["device"].startswith("cpu")
    assert measured == [first["rounds"]] and "d 0.5 s" in told.ended["a step of each arm, in turn"]
    assert measure_steps(config(), {}, tmp_path, told, 2) == first and len(measured) == 1
    measure_steps(config(overrides=("model.d_ff=64",)), {}, tmp_path, told, 1)
    assert len(measured) == 2


def test_a_damaged_file_is_one_message(tmp_path: Path, measured: list[int]) -> None:
    (tmp_path / "step-times.json").write_text(json.dumps({"threads": 1}))
    with pytest.raises(SynthError, match=r"step-times\.json` holds no times: it lacks `experiments`"):
        measure_steps(config(), {}, tmp_path, Told(), 1)
    assert not measured


def peaked(seed: int, **cost: int) -> RunRecord:
    return RunRecord(**{**vars(record(seed, 0.0)), "cost": {"seconds": 1.0, **cost}})


def test_the_peak_is_the_least_of_an_arms_runs() -> None:
    runs = {0: peaked(0, peak_memory=3, peak_gpu_memory=7), 1: peaked(1, peak_memory=2)}
    assert find_peaks(runs) == {"peak_memory": 2}  # of a GPU one run says nothing
    assert find_peaks({0: peaked(0, peak_memory=0)}) == find_peaks({}) == {}


def test_reports_say_both_times_and_nothing_where_none_was_measured() -> None:
    records = {"a": {0: record(0, 0.0)}, "b": {0: record(0, 0.5)}}
    report = report_of(records)
    assert times_markdown(report) == [] and "measured apart" not in page(report, records)
    arms = {
        "a": {"seconds": 0.25, "relative": 1.0, "peak_memory": 2_000_000},
        "b": {"seconds": 0.5, "relative": 2.0, "peak_memory": 3_000, "peak_gpu_memory": 5_000_000_000},
    }
    report["step_seconds"] = {"rounds": 20, "device": "cpu x", "threads": 1, "arms": arms}
    text, html = "\n".join(times_markdown(report)), page(report, records)
    assert (
        "| arm | seconds a step, measured apart | of the baseline's | seconds a run, others beside |" in text
    )
    assert "| a | 0.25 | 1.000 | 1 | 2 MB |" in text
    assert "| b | 0.5 | 2.000 | 1 | 3 kB, 5 GB of the GPU |" in text
    for words in ("Medians of 20 steps of each arm in turn, after all runs, on cpu x, 1 thread.", "5 GB"):
        assert words in text and words in html
