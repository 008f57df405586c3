"""`synth train --processes 2`, in real processes."""

import subprocess
import sys
from pathlib import Path

from synthcli.training.journal import read


def test_two_processes_write_one_run(here: Path, tiny: str) -> None:
    command = [sys.executable, "-m", "synthcli", "train", tiny, "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote `runs/") == 1
    (run,) = (here / "runs" / "tiny").iterdir()
    assert [record["step"] for record in read(run / "journal.jsonl") if "loss" in record] == [1, 6]


def test_a_mistake_is_told_once(here: Path) -> None:
    command = [sys.executable, "-m", "synthcli", "train", "--resume", "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    assert (done.returncode, done.stderr.count("error:")) == (2, 1)
