"""Kill work at a random moment: from outside after a time, or from within at a file operation."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path


def kill_self_at(event_number: int, folder: Path, events: set[str]) -> None:
    """End this process, as SIGKILL does, at its n-th file operation of these kinds below a folder."""
    seen = 0

    def count(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event in events and str(args[0]).startswith(str(folder)):
            seen += 1
            if seen == event_number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def is_killed(work: Callable[[], None], delay: float | None, failed: str) -> bool:
    """Do work in a child, killed after a delay; return whether it was. What fails by itself ends all."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0:
        raise SystemExit(failed)
    return os.WIFSIGNALED(status)
