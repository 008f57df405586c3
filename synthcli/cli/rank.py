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
from synthcli.errors import OutOfMemoryError, Stopped, SynthError

FAILED = 1
SOON = 0.05  # seconds
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PEER_LOST = ("connection closed by peer", "connection reset by peer", "socket closed", "broken pipe", "nccl")


@dataclass(frozen=True)
class RankFailure:
    """How a process failed: for want of memory, by a mistake, a bug, a signal, or since another one is gone.

    `text` says more, `setting` what needs less memory.
    """

    kind: Literal["memory", "mistake", "bug", "signal", "lost"]
    text: str
    hint: str = ""
    exit_code: int = FAILED
    setting: str = ""


class Interrupted(BaseException):
    """A signal came when there was no training to end after its step."""


@dataclass
class Hearing:
    """Raises what a signal asks for until the end has begun: the launcher may send one while that is told.

    A mask would not do: it is of one thread, and torch has others that take the signal.
    """

    is_over: bool = False

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self.is_over:
            raise Interrupted

    def hear_again(self, lost: "sys.UnraisableHookArgs") -> None:
        """Raise a moment later what came within a callback or `__del__`, out of which nothing is raised."""
        if isinstance(lost.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, SOON)
        else:
            sys.__unraisablehook__(lost)


def run_rank() -> NoReturn:
    """Run the command line, and exit with its code."""
    launcher, hearing = Connection(int(sys.argv.pop(1))), Hearing()
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, hearing.interrupt)
    sys.unraisablehook = hearing.hear_again
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # one that has come is raised here
        code = run()
        hearing.is_over = True
    except BaseException as error:
        hearing.is_over = True  # nothing that could be interrupted may stand before this
        code = tell_launcher(launcher, error)
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # what waits for processes that are gone is not waited for


def tell_launcher(launcher: Connection, error: BaseException) -> int:
    """Tell the launcher of a failure; return the exit code, which says the rest."""
    if isinstance(error, Stopped):  # all have saved: the launcher says how to go on
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    failure = describe_end(error)
    launcher.send(asdict(failure))
    return failure.exit_code


def describe_end(error: BaseException) -> RankFailure:
    """Put what ended this process into words."""
    if isinstance(error, OSError) and not is_of_a_lost_peer(error):
        error = unforeseen(error)
    if isinstance(error, OutOfMemoryError):  # of this process alone, as its device may be
        return RankFailure("memory", error.message, error.hint, setting=error.setting)
    if isinstance(error, SynthError):
        return RankFailure("mistake", error.message, error.hint, error.exit_code)
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return RankFailure("signal", "interrupted", exit_code=Stopped.exit_code)
    first_line = str(error).strip().partition("\n")[0]
    if is_of_a_lost_peer(error):
        return RankFailure("lost", first_line)
    return RankFailure("bug", "".join(traceback.format_exception(error)))


def is_of_a_lost_peer(error: BaseException) -> bool:
    """Tell whether another process is gone, or was never there: torch has no one class for that."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    text = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in PEER_LOST)
    )


if __name__ == "__main__":
    run_rank()
