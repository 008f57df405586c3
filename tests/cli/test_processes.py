"""`synth train --processes 2`, in real processes; and their launcher, with processes that train nothing."""

import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import pytest

from synthcli.cli.processes import interrupts_held
from synthcli.training.metrics_log import read_journal
from tests.processes import end_within, wait_for

from .conftest import Synth

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 10


def test_two_processes_write_one_run(here: Path, tiny: str) -> None:
    for name in ("random", "queue"):
        (here / f"{name}.py").write_text("raise SystemExit('a module of the current folder ran')")
    command = [sys.executable, "-m", "synthcli", "train", tiny, "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote `runs/") == 1
    (run,) = (here / "runs" / "tiny").iterdir()
    assert [record["step"] for record in read_journal(run / "journal.jsonl") if "loss" in record] == [1, 6]


def test_a_mistake_is_told_once(here: Path) -> None:
    command = [sys.executable, "-m", "synthcli", "train", "--resume", "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    assert (done.returncode, done.stderr.count("error:")) == (2, 1)


def test_a_process_leaves_its_group_at_its_end(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    left: list[str] = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: left.append("left"))
    assert synth("presets", "show", "no-such").code == 2
    assert left == []  # one that failed waits for nobody
    assert synth("presets", "ls").code == 0
    assert left == ["left"]


class Launched:
    """A launcher whose processes do what a word says, each its own; all have begun to."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder, self.words = folder, words
        command = [sys.executable, "-m", "tests.cli.launch_fakes", str(folder), *words]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: len(self.pids) == len(words), f"only {self.pids} have begun")

    @property
    def pids(self) -> dict[int, int]:
        """Process ids by rank."""
        names = [path.name.split("-") for path in self.folder.iterdir()]
        return {int(name[0]): int(name[1]) for name in names if len(name) == 2}

    @property
    def saved(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*-saved-*"))

    def end(self) -> tuple[int, str]:
        """Return its code and what it said; nothing is left that it started."""
        _, said = self.process.communicate(timeout=60)
        assert end_within(self.pids.values(), SECONDS) == []
        return self.process.returncode, said


def test_processes_end_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "stubborn", "stubborn")
    launched.process.kill()
    assert launched.end() == (-signal.SIGKILL, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_each_process_once_and_all_save(number: signal.Signals, tmp_path: Path) -> None:
    launched = Launched(tmp_path, "saves", "saves", "saves", "saves")
    launched.process.send_signal(number)
    assert launched.end() == (130, "")
    assert launched.saved == [f"{rank}-saved-after-1" for rank in range(4)]


def test_a_signal_before_there_is_a_training_interrupts_all(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "waits", "stubborn")
    launched.process.terminate()
    assert launched.end() == (130, "")


def test_a_second_interrupt_ends_what_is_blocked_within_a_library(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "blocked", "saves")
    launched.process.send_signal(signal.SIGINT)
    wait_for(lambda: launched.saved, "the other has not saved")
    assert launched.process.poll() is None
    launched.process.send_signal(signal.SIGINT)
    assert launched.end() == (130, "")


@pytest.mark.parametrize("other", ["lost", "stubborn", "waits", "blocked"])
def test_a_process_that_is_killed_is_named_and_the_others_end(other: str, tmp_path: Path) -> None:
    launched = Launched(tmp_path, other, "waits")
    (tmp_path / "gone").touch()
    os.kill(launched.pids[1], signal.SIGKILL)
    code, said = launched.end()
    assert code == 1
    assert said == (
        f"process 1 of 2 (pid {launched.pids[1]}) was killed by signal 9 (SIGKILL)\n"
        "hint: the system kills what needs more memory than there is: `data.batch.micro_size` lowers it; "
        "go on\n"
    )


def test_a_process_that_crashes_is_named(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "waits", "stubborn")
    os.kill(launched.pids[0], signal.SIGSEGV)
    code, said = launched.end()
    named = f"process 0 of 2 (pid {launched.pids[0]}) was killed by signal 11 (SIGSEGV)\nhint: go on\n"
    assert (code, said) == (1, named)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("done", "done"), 0, ""),
        (("stubborn", "mistake"), 2, "this cannot be\nhint: ask for something else\n"),
        (("failed", "failed"), 1, "the loss is nan\nhint: lower the rate\n"),
        (("waits", "failed", "done"), 1, "the loss is nan\nhint: lower the rate\n"),
    ],
)
def test_what_processes_raise_is_told_once(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    assert Launched(tmp_path, *words).end() == (code, said)


def test_a_process_that_leaves_without_a_word_is_named(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "waits", "leaves")
    named = f"process 1 of 2 (pid {launched.pids[1]})"
    assert launched.end() == (1, f"{named} ended with code 3 and said nothing\nhint: go on\n")


@pytest.mark.parametrize("words", [("lost", "full"), ("full", "stubborn")])
def test_a_process_without_memory_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    launched = Launched(tmp_path, *words)
    number = words.index("full")
    named = f"process {number} of 2 (pid {launched.pids[number]})"
    said = f"{named}: there is not enough memory on GPU 1\nhint: rows=4 go on\n"
    assert launched.end() == (1, said)


def test_a_bug_is_told_by_the_process_that_has_it_alone(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    code, said = Launched(tmp_path, "lost", "bug").end()
    assert code == 1
    assert said.count("Traceback") == 1 and said.endswith("ZeroDivisionError: a bug of ours\n")


def test_a_signal_that_comes_while_a_failure_is_told_changes_nothing(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "waits", "late")
    code, said = launched.end()
    assert code == 1
    assert said.startswith(f"process 1 of 2 (pid {launched.pids[1]}) does not reach the others: ")
    assert "Traceback" not in said


def test_a_signal_that_comes_where_nothing_can_be_raised_is_raised_soon(tmp_path: Path) -> None:
    launched = Launched(tmp_path, "unheard", "waits")
    said = f"process 0 of 2 (pid {launched.pids[0]}) was interrupted\n"
    assert launched.end() == (130, said)


def test_a_signal_that_came_before_it_was_heard(tmp_path: Path) -> None:
    channel, theirs = Pipe()
    words = [sys.executable, "-m", "tests.cli.fake_rank", str(theirs.fileno()), str(tmp_path), "waits"]
    with interrupts_held():
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "RANK": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
    process.terminate()
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 130)
    assert channel.recv()["kind"] == "signal"


def test_processes_that_do_not_find_each_other_say_so(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    launched = Launched(tmp_path, "lost", "stubborn")
    code, said = launched.end()
    assert code == 1
    assert said == (
        f"process 0 of 2 (pid {launched.pids[0]}) does not reach the others: "
        "[gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]:1234\nhint: go on\n"
    )
