"""Whether processes live."""

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

SECONDS = 30.0


def lives(pid: int) -> bool:
    """Tell whether a process is there, and not one that is dead and not yet collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def end_within(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait for the end of processes; return those that live on."""
    left, deadline = set(pids), time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if lives(pid)}
        time.sleep(0.02)
    return sorted(left)


def wait_for(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def session(leader: int) -> list[int]:
    """Return the processes of a session that live."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            state, _, _, its_session = re.sub(r"^.*\) ", "", stat, flags=re.DOTALL).split()[:4]
            if int(its_session) == leader and state not in "ZX":
                found.append(int(folder.name))
    return sorted(found)
