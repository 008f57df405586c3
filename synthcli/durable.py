"""Files that are whole or absent, whatever happens: written beside, synced, renamed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from synthcli.errors import WorkFailedError

UNFINISHED = ".unfinished-"
RESUME = "free space on that disk, then `synth train … --resume`; the checkpoints before it are whole"


@contextmanager
def failures_named(what: str, *others: type[Exception], hint: str = RESUME) -> Iterator[None]:
    """Turn a full disk into an error that says what is left."""
    try:
        yield
    except (OSError, *others) as error:  # type: ignore[misc]
        raise WorkFailedError(f"{what} could not be written: {error}", hint) from error


def write_text(path: Path, text: str) -> None:
    """Replace a file's text at once."""
    beside = path.with_name(UNFINISHED + path.name)
    beside.write_text(text, encoding="utf-8")
    sync(beside)
    beside.replace(path)
    sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill that gets its name at the end; on an error nothing is left of it."""
    beside = path.with_name(UNFINISHED + path.name)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        for file in sorted(beside.rglob("*")):
            sync(file)
        sync(beside)
        beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync(path.parent)


@contextmanager
def passing_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder for as long as this lasts; those that killed processes left of the name are removed."""
    for leftover in parent.glob(prefix + "*"):
        with suppress(OSError), held(leftover):  # one in use is another's
            shutil.rmtree(leftover)
    with TemporaryDirectory(dir=parent, prefix=prefix) as name, held(Path(name)):
        yield Path(name)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a folder until this ends or its process does; BlockingIOError if another holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def link(path: Path, target: str) -> None:
    """Point a relative symbolic link somewhere else, at once."""
    beside = path.with_name(UNFINISHED + path.name)
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)
    sync(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder such that none half removed bears its name."""
    shutil.rmtree(path.rename(path.with_name(UNFINISHED + path.name)))


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left in the midst of writing."""
    for leftover in folder.glob(UNFINISHED + "*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
