"""Keep memory that tensors have freed, so that the next ones need not fetch theirs from the system again."""

import ctypes
import os
import platform

# The numbers of <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER_TRIM, NEVER_MAP = 2**31 - 1, 2**30


def keep_freed_memory() -> None:
    """Tell glibc to hold on to freed blocks of any size; what the environment says of malloc goes first.

    Without it glibc gives large blocks back at once, and the next tensor of that size costs a fault of the
    processor for each of its pages: more than half of the time of a recurrence, forward and backward.
    """
    is_set = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if is_set or platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_THRESHOLD, NEVER_MAP)
    library.mallopt(M_TRIM_THRESHOLD, NEVER_TRIM)
