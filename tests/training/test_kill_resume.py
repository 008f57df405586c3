"""The short form of `kill_resume.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("what", ["rows", "streams"])
def test_a_training_killed_and_resumed_ends_bit_identical(what: str) -> None:
    asked = ["--kills", "5", "--seed", "0", "--what", what]
    command = [sys.executable, "-m", "tests.training.kill_resume", *asked]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("5 kills, ")
