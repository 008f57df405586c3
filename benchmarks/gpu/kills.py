"""Trainings killed at random moments and resumed, by `tests/training/kill_resume.py`: their files' bytes.

With `training.deterministic` they are; without it a GPU may differ, which is noted and no failure.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.gpu.needs import ROOT
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row

TRIED = (("streams", False), ("skipless", False), ("rows", False), ("skipless", True))  # what, whether free
QUICK = TRIED[:1]
KILLS = {"cuda": 2, "cpu": 1}


def run(bench: Bench) -> Iterator[Row]:
    """Kill and resume each kind of training."""
    for what, is_free in TRIED if bench.is_cuda else QUICK:
        words = ["--kills", str(KILLS[bench.device.type]), "--what", what, "--device", bench.word]
        command = [sys.executable, "-m", "tests.training.kill_resume", *words, *(["--free"] * is_free)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        yield {"training": what, "deterministic": not is_free, **judge(done, is_free)}


def judge(done: "subprocess.CompletedProcess[str]", is_free: bool) -> Row:
    """Return what a trial came to: files that differ fail it only where bits are promised."""
    differing = re.findall(r"^differs: (.+)$", done.stdout, re.MULTILINE)
    if not done.stdout.strip():
        return {"result": FAILED, "reason": done.stderr.strip()[-400:]}
    is_wrong = done.returncode != 0 and not (is_free and differing)
    return {
        "result": FAILED if is_wrong else PASSED,
        "found": done.stdout.splitlines()[0],
        "files_that_differ": differing,
    }
