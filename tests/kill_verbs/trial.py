"""One command in a forked process, killed at a random moment, and what is left of it."""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.processes import session

FILE_EVENTS = {"open", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
SECONDS = 300.0  # for one command, on a machine that others use, too
SECONDS_TO_END = 10.0  # for what a killed command has started
RAISED = 99
TRACE = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Kill:
    """When, whom and how: after some seconds, or at a file operation of the command (SIGKILL).

    `is_for_all` is for the command and all that it started, at once.
    """

    seconds: float | None
    event: int | None
    number: signal.Signals
    is_for_worker: bool
    is_for_all: bool = False


@dataclass(frozen=True)
class Ended:
    """How a command ended; `victim` is who was killed, `left` what lived on for too long."""

    code: int
    out: str
    err: str
    seconds: float
    victim: str
    left: tuple[str, ...]
    is_killed: bool

    @property
    def has_trace(self) -> bool:
        return TRACE in self.err or TRACE in self.out


def draw_kill(chance: random.Random, seconds: float, events: int, has_workers: bool) -> Kill:
    """Return a moment of a command that takes so many seconds and file operations."""
    number = chance.choices([signal.SIGKILL, signal.SIGTERM, signal.SIGINT], [6, 2, 2])[0]
    is_for_worker = has_workers and chance.random() < 0.35
    if events and number == signal.SIGKILL and not is_for_worker and chance.random() < 0.5:
        return Kill(None, chance.randrange(1, events + 1), number, False)
    if is_for_worker and number == signal.SIGINT:
        number = signal.SIGKILL
    is_for_all = has_workers and not is_for_worker and number == signal.SIGKILL and chance.random() < 0.4
    return Kill(chance.uniform(0, seconds), None, number, is_for_worker, is_for_all)


def run(
    work: Callable[[], None], box: Path, logs: Path, kill: Kill | None = None, events: Path | None = None
) -> Ended:
    """Do work in a child with a session of its own; count its file operations into `events`."""
    out, err = logs / "out", logs / "err"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        become(work, box, out, err, kill.event if kill else None, events)
    victim = "nobody"
    if kill is not None and kill.seconds is not None:
        time.sleep(kill.seconds)
        victim = strike(child, kill)
    code = waited(child)
    left = survivors(child)
    texts = [path.read_bytes().decode(errors="replace") for path in (out, err)]
    at_event = kill is not None and kill.event is not None and code == -signal.SIGKILL
    victim = f"the command at write {kill.event}" if kill is not None and at_event else victim
    if victim.startswith("the command") and victim.endswith("by SIGKILL") and code == 0:
        victim = "nobody"  # it had just come to its end
    seconds = time.monotonic() - began
    return Ended(code, *texts, seconds, victim, left, victim != "nobody")


def become(
    work: Callable[[], None], box: Path, out: Path, err: Path, event: int | None, events: Path | None
) -> None:
    """Carry out work as a command of its own, and end this process."""
    code = RAISED
    try:
        os.setsid()
        os.chdir(box)
        tempfile.tempdir = None
        os.environ.update({"HOME": str(box / "home"), "TMPDIR": str(box / "tmp")})
        os.environ.update({"CXX": str(box / "g++"), "SYNTH_KERNELS_DIR": str(box / "kernels")})
        for number, path in ((0, Path("/dev/null")), (1, out), (2, err)):
            mode = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, mode), number)
        if event is not None:
            die_at_write(box, event)
        if events is not None:
            count_writes(box, events)
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def watch_writes(box: Path, act: Callable[[int], None]) -> None:
    """Call `act` with the number of each operation of this process that changes something in the box."""
    seen = 0

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event in FILE_EVENTS and is_write(event, args) and is_below(args[0], box):
            seen += 1
            act(seen)

    sys.addaudithook(watch)


def is_write(event: str, args: tuple[object, ...]) -> bool:
    return event != "open" or (isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR)))


def is_below(path: object, box: Path) -> bool:
    text = os.fsdecode(path) if isinstance(path, str | bytes | Path) else "/"
    return not text.startswith("/") or text.startswith(f"{box}/")


def count_writes(box: Path, into: Path) -> None:
    """Keep the number of these operations in a file."""
    descriptor = os.open(into, os.O_WRONLY)
    watch_writes(box, lambda seen: (os.pwrite(descriptor, str(seen).encode(), 0), None)[1])


def die_at_write(box: Path, number: int) -> None:
    """End this process as SIGKILL does, right before its n-th of these operations."""
    watch_writes(box, lambda seen: os.kill(os.getpid(), signal.SIGKILL) if seen == number else None)


def strike(child: int, kill: Kill) -> str:
    """Send the signal; return who got it."""
    workers = [pid for pid in session(child) if pid != child]
    if kill.is_for_all and workers:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, kill.number)
    if kill.is_for_worker and workers:
        victim = workers[int((kill.seconds or 0.0) * 1e6) % len(workers)]
        name = what(victim)
    else:
        victim, name = child, "the command"
    if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
        return "nobody"  # it came to its end before
    try:
        os.kill(victim, kill.number)
    except ProcessLookupError:
        return "nobody"
    return f"{name}{' and all it started' * kill.is_for_all} by {kill.number.name}"


def waited(child: int) -> int:
    """Return the exit code of a child, which is killed where it takes too long."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return RAISED + 1


def survivors(leader: int) -> tuple[str, ...]:
    """Wait for the end of all that a command has started; return, and end, what lives on."""
    end = time.monotonic() + SECONDS_TO_END
    while (left := session(leader)) and time.monotonic() < end:
        time.sleep(0.02)
    names = tuple(what(pid) for pid in left)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return names


def what(pid: int) -> str:
    """Return the beginning of a process's command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "somebody"
    return " ".join(word.strip().partition("\n")[0][:40] for word in words[1:5])
