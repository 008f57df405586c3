"""A folder that appears whole or not at all."""

import glob
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthcli.durable import parents_of, sync, take_place


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` that takes its place at the end; an error leaves neither.

    What stands at `path` is replaced in the end. Leftovers of killed processes are swept up.
    """
    with parents_of(path):
        sweep(path)
        folder = path.with_name(f"{prefix(path)}{os.getpid()}")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir()
            yield folder
            sync_folders(folder)
            replace(folder, path)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def replace(folder: Path, path: Path) -> None:
    """Move a folder to `path`; an old one there is moved aside first, then deleted."""
    aside = path.with_name(f"{prefix(path)}{os.getpid()}-old")
    take_place(folder, path, aside)
    shutil.rmtree(aside, ignore_errors=True)


def prefix(path: Path) -> str:
    """Return how the names of half-written folders begin: folders may be shared by machines."""
    return f".{path.name}.partial-{platform.node()}-"


def sweep(path: Path) -> None:
    """Delete what processes of this machine that no longer live have left half-written beside `path`."""
    for leftover in path.parent.glob(f"{glob.escape(prefix(path))}*"):
        process = leftover.name.removeprefix(prefix(path)).partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(leftover, ignore_errors=True)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync_folders(folder: Path) -> None:
    """Wait until the names of all files below a folder are on disk."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            sync(path)
