"""How much memory this process may use, and what is refused because it needs more."""

import os
import resource
import sys
from pathlib import Path

from synthcli.errors import SynthError

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")


def memory() -> int:
    """Return the bytes of this machine, or of the share of them that this process is given."""
    limits = [
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        resource.getrlimit(resource.RLIMIT_AS)[0],
    ]
    for path in CGROUPS:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such limit, or `max`
            continue
    return min(limit for limit in limits if limit > 0)


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts KiB


def refuse_larger(what: str, needed: int, hint: str) -> None:
    """Refuse work that needs more memory than there is, before any of it is taken."""
    if needed > (here := memory()):
        raise SynthError(f"{what} takes {amount(needed)} of memory, and there are {amount(here)}", hint)


def amount(size: int) -> str:
    """Return a number of bytes to three digits."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}"
