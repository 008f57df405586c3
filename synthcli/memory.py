"""How much memory this process may use, what is refused because it needs more, what is said at its end."""

import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthcli.errors import OutOfMemoryError, SynthError

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
SMALLER = "a smaller model, batch or beam needs less: `synth plan PRESET` says how large one is"
# how torch and the libraries below it say that memory has ended: theirs has no one class for that
ENDED = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
ASKED = re.compile(r"(?:[Tt]ried to allocate|Unable to allocate) ([\d.]+ \w+)")
OF_GPU = re.compile(r"GPU (\d+) has a total capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free")
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


def shortage(error: BaseException) -> str | None:
    """Return what an error says of memory that has ended, in one line; None where it is of something else."""
    text = str(error)
    if not isinstance(error, MemoryError) and not any(words in text for words in ENDED):
        return None
    asked, gpu = ASKED.search(text), OF_GPU.search(text)
    where = f" on GPU {gpu[1]}" if gpu else ""
    there = f", and {gpu[3]} of {gpu[2]} are free" if gpu else ""
    wanted = f": {_in_units(asked[1])} more were asked for{there}" if asked else ""
    return f"there is not enough memory{where}{wanted}"


def _in_units(size: str) -> str:
    """Return a size as a library writes it, or to three digits where it counts bytes."""
    number, unit = size.split()
    return amount(int(number)) if unit == "bytes" else size


@contextmanager
def within_memory(hint: str = SMALLER, setting: str = "") -> Iterator[None]:
    """Turn what libraries raise within where memory ends into one message.

    `hint` says what needs less of it, `setting` is one that does. What is said nearer to the work stays.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (message := shortage(error)) is None:
            raise
        raise OutOfMemoryError(message, hint, setting) from error
