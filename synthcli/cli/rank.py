"""One of several processes of a training: does what was asked, and tells the launcher how it failed.

`python -m synthcli.cli.rank DESCRIPTOR WORDS...`, started by `processes.py`.
"""

import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from types import FrameType
from typing import Literal, NoReturn

from synthcli.__main__ import run, unforeseen
from synthcli.errors import Stopped, SynthError

FAILED = 1
PEER_LOST = ("connection closed by peer", "connection reset by peer", "socket closed", "broken pipe", "nccl")


@dataclass(frozen=True)
class Failure:
    """How a process failed: by a mistake, a bug, a signal, or since another one is gone; `text` says more."""

    kind: Literal["mistake", "bug", "signal", "lost"]
    text: str
    hint: str = ""
    exit_code: int = FAILED


class Interrupted(BaseException):
    """A signal came when there was no training to end after its step."""


def main() -> NoReturn:
    """Run the command line, and exit with its code."""
    launcher = Connection(int(sys.argv.pop(1)))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        code = run()
    except Stopped as stop:  # all have saved: the launcher says how to go on
        code = stop.exit_code
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
    except BaseException as error:
        failure = describe(error)
        launcher.send(asdict(failure))
        code = failure.exit_code
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # what waits for processes that are gone is not waited for


def describe(error: BaseException) -> Failure:
    """Put what ended this process into words."""
    if isinstance(error, OSError) and not is_of_a_lost_peer(error):
        error = unforeseen(error)
    if isinstance(error, SynthError):
        return Failure("mistake", error.message, error.hint, error.exit_code)
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return Failure("signal", "interrupted", exit_code=Stopped.exit_code)
    first_line = str(error).strip().partition("\n")[0]
    if is_of_a_lost_peer(error):
        return Failure("lost", first_line)
    return Failure("bug", "".join(traceback.format_exception(error)))


def is_of_a_lost_peer(error: BaseException) -> bool:
    """Tell whether another process is gone, or was never there: torch has no one class for that."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    text = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in PEER_LOST)
    )


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted


if __name__ == "__main__":
    main()
