"""Files that are whole or absent, whatever happens: written beside, synced, renamed."""

import errno
import fcntl
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.disk import as_os_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

UNFINISHED = ".unfinished-"
UNKNOWN = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # what a disk says that cannot do what is asked
NO_LINKS = (*UNKNOWN, errno.EPERM)
BEFORE = ".before"  # at the end of a name: what is being replaced
DIGITS = 8
# The names of what is being filled, and of folders that it replaces.
LEFT = re.compile(
    rf"{re.escape(UNFINISHED)}(?P<name>.+)-[0-9a-f]{{{DIGITS}}}(?P<before>{re.escape(BEFORE)})?"
)
OVERTAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)  # another has taken the place, or what was there
LONGEST_NAME = 255  # bytes


def write_text(path: Path, text: str) -> None:
    """Replace a file's text at once."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file at once; an error leaves what was there."""
    with new_file(path) as beside:
        beside.write_bytes(content)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file to fill that takes the place of another at the end; an error leaves nothing of it.

    Each process fills one of its own, locked; what killed processes have left there is removed.
    """
    sweep(path.parent)
    with claim_path(lambda: _beside(path), make=lambda file: file.touch(exist_ok=False)) as beside:
        yield beside
        sync(beside)
        beside.replace(path)
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


def save_picture(path: Path, figure: "Figure", metadata: Mapping[str, str | None] | None = None) -> None:
    """Replace a picture at once; the name's end says its format."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix.removeprefix("."), metadata=metadata)
    write_bytes(path, drawn.getvalue())


@contextmanager
def new_folder(path: Path, replaces: bool = False) -> Iterator[Path]:
    """Yield a folder to fill that gets its name at the end; on an error nothing is left of it.

    What has the name by then is replaced, if that is wanted, and else an error. It is filled beside, locked;
    what killed processes have left there is removed.
    """
    with parents_of(path):
        sweep(path.parent)
        with claim_path(lambda: _beside(path)) as beside:
            yield beside
            for file in sorted(beside.rglob("*")):
                sync(file)
            sync(beside)
            if replaces:
                _replace(beside, path)
            else:
                take_place(beside, path)


def _beside(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{path.name}-{secrets.token_hex(DIGITS // 2)}")


def _replace(folder: Path, path: Path) -> None:
    """Give a folder the name of another, which is removed; others may do so too, and the last one stays."""
    old = folder.with_name(folder.name + BEFORE)
    while True:
        try:
            take_place(folder, path, old)
            break
        except OSError as error:
            if error.errno not in OVERTAKEN or not folder.exists():
                raise
        _remove(old)
    _remove(old)


def sweep(parent: Path) -> None:
    """Remove what killed processes have left of new folders and files; what others fill is locked.

    A folder that was to be replaced, and is gone, gets its name back.
    """
    for leftover in sorted(parent.glob(UNFINISHED + "*")):
        match = LEFT.fullmatch(leftover.name)
        if match is None:
            continue
        with suppress(OSError), hold_lock(leftover):
            path = parent / match["name"]
            if match["before"] and not path.exists():
                leftover.rename(path)
            else:
                _remove(leftover)


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
def hold_temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder for as long as this lasts; those that killed processes left of the name are removed.

    Nobody else may look into it.
    """
    for leftover in parent.glob(prefix + "*"):
        with suppress(OSError), hold_lock(leftover):  # one in use is another's
            shutil.rmtree(leftover)
    draw = lambda: parent / f"{prefix}{secrets.token_hex(DIGITS // 2)}"  # noqa: E731
    with claim_path(draw, make=lambda folder: folder.mkdir(0o700)) as folder:
        yield folder
        _remove(folder)


@contextmanager
def claim_path(
    draw: Callable[[], Path],
    make: Callable[[Path], object] = Path.mkdir,
    is_free: Callable[[Path], bool] = lambda path: True,
) -> Iterator[Path]:
    """Make and lock a folder, or a file, for as long as this lasts; an error removes it.

    `draw` gives names until one is free. One that sweeps may come between making and locking: then another
    is made. On a disk without locks the name alone is claimed, and nothing is swept: nobody can tell there
    what is in use.
    """
    path, lock = _claim(draw, make, is_free)
    with lock:
        try:
            yield path
        except BaseException:
            _remove(path)
            raise


def _claim(
    draw: Callable[[], Path], make: Callable[[Path], object], is_free: Callable[[Path], bool]
) -> tuple[Path, ExitStack]:
    while True:
        path = draw()
        with suppress(FileExistsError), ExitStack() as stack:
            make(path)
            if _is_held(path, stack):
                if is_free(path):
                    return path, stack.pop_all()
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _is_held(path: Path, stack: ExitStack) -> bool:
    """Lock a new folder for as long as `stack` lasts; False where one that sweeps was quicker."""
    try:
        stack.enter_context(hold_lock(path))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # no locks here
        return True
    return path.exists()


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Lock a folder or a file until this ends or its process does; BlockingIOError if another holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.lstat(path)):  # another has the name by now
            raise BlockingIOError(f"`{path}` is another's")
        yield
    finally:
        os.close(descriptor)


def is_in_use(path: Path) -> bool:
    """Whether another process has locked a folder or a file; False where nobody can tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)
    return False


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


def follow_link(path: Path) -> Path:
    """Return where a link of `link` leads; any other path is returned as it is."""
    if path.is_symlink():
        return path.parent / path.readlink()
    if path.is_file() and path.stat().st_size <= LONGEST_NAME:
        return path.parent / path.read_text(encoding="utf-8", errors="replace").strip()
    return path


def remove_folder(path: Path, is_swept: bool = False) -> None:
    """Remove a folder such that none half removed bears its name; `sweep` removes the rest where wanted."""
    aside = _beside(path) if is_swept else path.with_name(UNFINISHED + path.name)
    if aside.exists():  # the rest of an earlier one
        shutil.rmtree(aside)
    shutil.rmtree(path.rename(aside))


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
