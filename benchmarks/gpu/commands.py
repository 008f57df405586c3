"""The commands that say what a machine offers: they name the GPU, and hold the kernels against torch."""

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.gpu.needs import ROOT
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row

TAIL = 400  # characters of what a command said


def synth(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run `synth` with these words, as a user of this checkout does."""
    command = [sys.executable, "-m", "synthcli", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def run(bench: Bench) -> Iterator[Row]:
    """Run both commands."""
    done = synth("doctor", "--json")
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    kind = "cuda" if bench.is_cuda else "cpu"
    is_in_use = bool(told.get("kernels", {}).get(kind, {}).get("in_use"))
    yield {
        "command": "doctor",
        "result": PASSED if is_in_use and str(told["device"]).startswith(kind) else FAILED,
        "told": told or done.stderr[-TAIL:],
    }
    done = synth("kernels", "test")
    yield {
        "command": "kernels test",
        "result": PASSED if done.returncode == 0 else FAILED,
        "told": (done.stdout + done.stderr).strip()[-TAIL:],
    }
