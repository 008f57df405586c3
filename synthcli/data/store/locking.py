"""One process at a time: a lock that ends with the process that holds it, however it ends."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def hold_store_lock(path: Path, waiting: Callable[[], None]) -> Iterator[bool]:
    """Hold the lock file `path`, which goes afterwards; yield whether another process held it first."""
    descriptor, waited = _acquire_lock(path, waiting)
    try:
        yield waited
    finally:
        _release_lock(path, descriptor)


def _acquire_lock(path: Path, waiting: Callable[[], None]) -> tuple[int, bool]:
    """Return the descriptor of the lock held, and whether that took waiting."""
    waited = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                waited = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_file_at(descriptor, path):
                return descriptor, waited
        except OSError:  # a disk without locks: nobody holds one
            _release_lock(path, descriptor)
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who held it has removed the file: the name is free, or someone else's


def _release_lock(path: Path, descriptor: int) -> None:
    """Remove a lock file and end its lock; one that cannot be removed is nobody's."""
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)


def _is_file_at(descriptor: int, path: Path) -> bool:
    """Whether an open file still stands at `path`."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
