"""Run one command in a forked child with little memory and little time, and see what it leaves."""

import io
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.processes import session

SECONDS = 120.0  # of a machine that others use, too
MEMORY = 8 * 2**30  # bytes of addresses beyond those of this process
NOT_ENDED, RAISED = -1, 99


@dataclass(frozen=True)
class Ended:
    """How a command ended; `left` are processes that outlived it."""

    code: int
    out: str
    err: str
    left: tuple[int, ...]
    seconds: float


def run(words: tuple[str, ...], variables: dict[str, str], box: Path, logs: Path) -> Ended:
    """Run a command in `box`; what it prints goes to files in `logs`."""
    out, err = logs / "out", logs / "err"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        be_the_command(words, variables, box, out, err)
    code = waited(child)
    left = tuple(session(child))
    for number in left:
        os.kill(number, signal.SIGKILL)
    texts = [path.read_bytes().decode(errors="backslashreplace") for path in (out, err)]
    return Ended(code, *texts, left, time.monotonic() - began)


class Terminal(io.TextIOWrapper):
    """A stream to a file that says it is a terminal: what is printed there must not command it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "w", closefd=False), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True


def be_the_command(
    words: tuple[str, ...], variables: dict[str, str], box: Path, out: Path, err: Path
) -> None:
    """Carry out a command as `synth` does, and end this process."""
    code = RAISED
    try:
        os.setsid()
        os.chdir(box)
        os.environ.update({"HOME": str(box / "home"), "TERM": "dumb", "NO_COLOR": "1"} | variables)
        limit_memory()
        for number, path in ((0, "/dev/null"), (1, out), (2, err)):
            mode = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, mode), number)
        sys.argv = ["synth", *words]
        sys.stdout, sys.stderr = Terminal(1), Terminal(2)
        sys.stderr.isatty = lambda: False  # type: ignore[method-assign]
        from synthcli.__main__ import main

        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def waited(child: int) -> int:
    """Return the exit code of a child, which is killed where it takes too long."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return NOT_ENDED
