"""Processes that this one starts, none of which outlives it, whatever ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of processors, in microseconds

# The pipe ends with the process that holds its other end. A process started at that very moment has joined
# the group before it is killed.
GUARD = """
import os, signal, sys, time
sys.stdin.buffer.read()
time.sleep(0.1)
os.killpg(0, signal.SIGKILL)
"""


def cores() -> int:
    """Return how many cores this process may use: fewer than the machine has where it was given a share."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no quota, or `max`
        quota, period = map(int, QUOTA.read_text().split())
        return max(1, min(there, round(quota / period)))
    return there


class StartOptions(TypedDict, total=False):
    """Options of `Popen` for a process; its environment is this one's where none is given."""

    cwd: Path | str | None
    env: Mapping[str, str]
    pass_fds: Sequence[int]
    stdin: int
    stdout: int
    stderr: int


class Children:
    """A group of processes, ended at the end of `with`, and as this process ends: with all they have started.

    Its first member is a guard, which waits for the end of this process and kills the group. So it holds for
    programs of others too, such as a compiler and what that one starts, and needs no more than POSIX.
    Ctrl-C, which a terminal sends to the group of this process, does not reach them.
    """

    def __init__(self) -> None:
        self._guards: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def start(self, command: Sequence[str], **options: Unpack[StartOptions]) -> "subprocess.Popen[bytes]":
        """Start a command with the options of `Popen`; its output is bytes."""
        process = subprocess.Popen(command, process_group=self._group(), **options)
        self._started.append(process)
        return process

    def start_module(
        self, module: str, words: Sequence[str], **options: Unpack[StartOptions]
    ) -> "subprocess.Popen[bytes]":
        """Start a module of this package in a Python of its own, which takes no module from where it runs."""
        paths = os.pathsep.join(safe_path())
        options["env"] = {**options.get("env", os.environ), "PYTHONPATH": paths}
        return self.start([sys.executable, "-P", "-m", module, *words], **options)

    def end(self) -> None:
        """Kill all that are left, and what they have started."""
        for guard in self._guards:
            with suppress(OSError):
                os.killpg(guard.pid, signal.SIGKILL)
        for process in (*self._guards, *self._started):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with suppress(OSError):  # what was to be written to it
                        stream.close()
        self._guards, self._started = [], []

    def _group(self) -> int:
        """Return the group of a guard that lives: another takes the place of one that was killed."""
        if not self._guards or self._guards[-1].poll() is not None:
            self._guards.append(_start_guard())
        return self._guards[-1].pid


def _start_guard() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-I", "-S", "-c", GUARD]
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=silent, stderr=silent, process_group=0)


def safe_path() -> list[str]:
    """Return `sys.path` without the folder this process runs in: a `random.py` there is no module of ours.

    Python puts it first for `-m`, `-c` and a session. Where the package itself is there, it comes last.
    """
    paths = [path for path in sys.path if path]
    with suppress(FileNotFoundError):  # it is gone
        if paths and Path(paths[0]).resolve() == Path.cwd():
            del paths[0]
    home = str(Path(__file__).resolve().parents[1])
    return paths if home in paths else [*paths, home]
