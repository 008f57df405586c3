"""Processes end with the one that started them, whatever ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthcli.children import Children, safe_path
from tests.processes import end_within, lives, wait_for

ROOT = Path(__file__).parents[1]
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
if len(sys.argv) > 2: os.fork()
open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
time.sleep(100)
"""
# a shell's background job ignores SIGINT, and what it starts does too
STARTER = f"""
import signal, sys, time
from synthcli.children import Children
signal.signal(signal.SIGINT, signal.default_int_handler)
with Children() as children:
    for more in ([], ["and another"]):
        children.start([sys.executable, "-c", {STUBBORN!r}, sys.argv[1], *more])
    time.sleep(100)
"""


def pids(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_end_with_a_process_that_is_killed_and_so_does_what_they_have_started(
    end: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as starter:
        wait_for(lambda: len(pids(tmp_path)) == 3, "three processes have not begun")
        assert all(lives(pid) for pid in pids(tmp_path))
        starter.send_signal(end)
    assert end_within(pids(tmp_path), seconds=10) == []


def test_children_end_with_the_block(tmp_path: Path) -> None:
    with Children() as children:
        process = children.start([sys.executable, "-c", STUBBORN, str(tmp_path), "and another"])
        wait_for(lambda: len(pids(tmp_path)) == 2, "two processes have not begun")
    assert process.returncode == -signal.SIGKILL
    assert end_within(pids(tmp_path), seconds=10) == []


def test_a_guard_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with Children() as children:
        first = children.start([sys.executable, "-c", STUBBORN, str(tmp_path)])
        (guard,) = children._guards
        assert os.getpgid(first.pid) == guard.pid
        guard.kill()
        guard.wait()
        second = children.start([sys.executable, "-c", STUBBORN, str(tmp_path)])
        assert os.getpgid(second.pid) == children._guards[1].pid != guard.pid
        wait_for(lambda: len(pids(tmp_path)) == 2, "two processes have not begun")
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, -signal.SIGKILL)


def test_a_module_takes_none_from_the_folder_it_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "numpy", "torch", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the current folder ran')")
    monkeypatch.chdir(tmp_path)
    for first in ("", str(tmp_path)):
        monkeypatch.setattr(sys, "path", [first, *sys.path[1:]])
        assert str(tmp_path) not in safe_path() and "" not in safe_path()
        with Children() as children:
            process = children.start_module("synthcli", ["--version"], stdout=subprocess.PIPE)
            said, _ = process.communicate()
        assert (process.returncode, said[:6]) == (0, b"synth ")


def test_the_folder_of_the_package_stays_on_the_path_but_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), "/elsewhere"])
    assert safe_path() == ["/elsewhere", str(ROOT)]
    monkeypatch.setattr(sys, "path", ["/scripts", "/elsewhere", str(ROOT)])
    assert safe_path() == ["/scripts", "/elsewhere", str(ROOT)]


def test_the_command_line_takes_no_module_from_the_current_folder(tmp_path: Path) -> None:
    for name in ("random", "typer", "shlex", "synthcli_of_mine"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the current folder ran')")
    command = [sys.executable, "-m", "synthcli", "presets", "show", "wmt14-dense"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
