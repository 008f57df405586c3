"""Files that are whole or absent, whatever happens: written beside, synced, renamed."""

import errno
import fcntl
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from synthcli.disk import as_os_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

UNFINISHED = ".unfinished-"
UNKNOWN = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # what a disk says that cannot do what is asked
NO_LINKS = (*UNKNOWN, errno.EPERM)
LONGEST_NAME = 255  # bytes


def write_text(path: Path, text: str) -> None:
    """Replace a file's text at once."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file at once; an error leaves what was there."""
    beside = path.with_name(UNFINISHED + path.name)
    try:
        beside.write_bytes(content)
        sync(beside)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    sync(path.parent)


def save_tensors(
    path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None
) -> None:
    """Write a new file of safetensors; whatever fails is an OSError, as of other files."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path, None if metadata is None else dict(metadata))
    except SafetensorError as error:
        raise as_os_error(error) from error


def save_picture(path: Path, figure: "Figure", **options: Any) -> None:
    """Replace a picture at once; the name's end says its format."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix.removeprefix("."), **options)
    write_bytes(path, drawn.getvalue())


@contextmanager
def new_folder(path: Path, aside: Path | None = None) -> Iterator[Path]:
    """Yield a folder to fill that gets its name at the end; on an error nothing is left of it.

    What has the name by then is moved `aside`, where that is given.
    """
    beside = path.with_name(UNFINISHED + path.name)
    shutil.rmtree(beside, ignore_errors=True)
    with parents_of(path):
        try:
            beside.mkdir()
            yield beside
            for file in sorted(beside.rglob("*")):
                sync(file)
            sync(beside)
            take_place(beside, path, aside)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise


def take_place(folder: Path, path: Path, aside: Path | None = None) -> None:
    """Give a folder its name; what has it is moved `aside` before. Where that fails, all is as it was."""
    old = aside if aside is not None and path.exists() else None
    if old is not None:
        path.rename(old)
    try:
        folder.rename(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            path.rename(folder)
        if old is not None:
            old.rename(path)
        raise


@contextmanager
def parents_of(path: Path) -> Iterator[None]:
    """Make the folders above `path`; those that an error leaves empty go again."""
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in made:
            with suppress(OSError):  # something stands there
                parent.rmdir()
        raise


@contextmanager
def passing_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder for as long as this lasts; those that killed processes left of the name are removed.

    On a disk without locks nobody can tell what is in use, and nothing is removed.
    """
    for leftover in parent.glob(prefix + "*"):
        with suppress(OSError), held(leftover):  # one in use is another's
            shutil.rmtree(leftover)
    passing = TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True)
    with passing as name, ExitStack() as until_then:
        with suppress(OSError):
            until_then.enter_context(held(Path(name)))
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
    """Point a relative link somewhere else, at once; where no links can be made, a file holds the name."""
    beside = path.with_name(UNFINISHED + path.name)
    beside.unlink(missing_ok=True)
    try:
        beside.symlink_to(target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return write_text(path, target + "\n")
    beside.replace(path)
    return sync(path.parent)


def followed(path: Path) -> Path:
    """Return where a link of `link` leads; any other path is returned as it is."""
    if path.is_symlink():
        return path.parent / path.readlink()
    if path.is_file() and path.stat().st_size <= LONGEST_NAME:
        return path.parent / path.read_text(encoding="utf-8", errors="replace").strip()
    return path


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
    """Wait until a file or a folder's list of names is on the disk, where the disk can tell."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
    finally:
        os.close(descriptor)
