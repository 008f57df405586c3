"""`make gpu-check` on a machine without CUDA, and the figures it computes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import checks, clock, machine, needs

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu_check.py"


def results() -> dict[str, float]:
    return {path.name: path.stat().st_mtime for path in (ROOT / "benchmarks" / "results").glob("*")}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the message is about")
def test_without_cuda_it_is_one_message_and_nothing_is_written() -> None:
    before = results()
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    message = "torch sees no CUDA device; run this on a machine that has one (`--device cpu` is a rehearsal)"
    assert done.stderr == f"gpu-check: {message}\n"
    assert results() == before


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needs, "NEEDED", ("torch", "pydantic_of_mine"))
    assert needs.install_from(tmp_path / "wheels") == (
        "missing: pydantic_of_mine; `pip install pydantic_of_mine`, or `make gpu-wheels` where there is a "
        "network, and copy `wheels/` here"
    )


def test_wheels_that_do_not_help_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needs, "NEEDED", ("pydantic_of_mine",))
    monkeypatch.setattr(needs, "LOCAL", ("pydantic_of_mine",))
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = needs.install_from(tmp_path)
    assert said is not None
    assert said.startswith("missing: pydantic_of_mine; `pip install pydantic_of_mine`; ")
    assert "did not help: ERROR: No matching distribution" in said


def test_a_failed_check_is_a_result_and_the_next_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_numbers(device: torch.device) -> None:
        torch.testing.assert_close(torch.zeros(1, device=device), torch.ones(1, device=device))

    def not_here(device: torch.device) -> None:
        raise checks.Skipped(f"no use on {device.type}")

    def right(device: torch.device) -> None:
        assert device.type == "cpu"

    monkeypatch.setattr(checks, "CHECKS", (wrong_numbers, not_here, right))
    rows = list(checks.run_all(torch.device("cpu")))
    assert [row["result"] for row in rows] == ["failed", "skipped", "passed"]
    assert rows[0]["reason"].startswith("AssertionError: Tensor-likes are not close!")
    assert rows[1]["reason"] == "no use on cpu"
    assert json.loads(json.dumps(rows)) == rows


def test_bandwidth_counts_bytes_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "seconds", lambda work, device: 0.5)
    assert clock.copy_bandwidth(torch.device("cpu"), 1000) == 4000


def test_the_file_is_named_by_the_device() -> None:
    assert machine.slug("NVIDIA GeForce RTX 4090 (Laptop)") == "nvidia-geforce-rtx-4090-laptop"
