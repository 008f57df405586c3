"""The short form of `kill_resume.py`."""

import subprocess
import sys
from pathlib import Path


def test_a_training_killed_and_resumed_ends_bit_identical() -> None:
    command = [sys.executable, "-m", "tests.training.kill_resume", "--kills", "8", "--seed", "0"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("8 kills of 8 asked, ")
