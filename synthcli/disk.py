"""Why a write failed: whatever the system or a library says, one message and what helps.

Libraries that write by themselves raise errors of their own; `as_os_error` finds the system's number in them,
so that there is one kind of failure and one place that knows what it means.
"""

import errno
import fcntl
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from synthcli.errors import SynthError, WorkFailedError

WAIT = "wait until it ends, or stop it"  # what to do about what is in use
AGAIN = "give the same command again"
TRIED = 4096  # bytes: a block, which a full disk refuses
NUMBER = re.compile(r"os error (\d+)|code: (\d+)")  # as Rust writes it


@dataclass(frozen=True)
class Cause:
    """What an error of the system means, what helps, and whether another folder would."""

    why: str
    helps: str
    elsewhere_helps: bool = True


UNWRITABLE = Cause("nothing may be written in `{folder}`", "make it writable")
OPEN = Cause("too many files are open", "allow more with `ulimit -n`", elsewhere_helps=False)
TAKEN = Cause("`{place}` is there already", "move it away")
CAUSES = {
    errno.ENOSPC: Cause("the disk of `{folder}` is full{room}", "free space there"),
    errno.EDQUOT: Cause("your share of the disk of `{folder}` is used up", "remove files of yours there"),
    errno.EFBIG: Cause("a file in `{folder}` would be larger than allowed", "raise `ulimit -f`"),
    errno.EROFS: Cause("the disk of `{folder}` can only be read", "mount it to be written"),
    errno.EACCES: UNWRITABLE,
    errno.EPERM: UNWRITABLE,
    errno.EIO: Cause("the disk of `{folder}` does not work as it should", "see what `dmesg` says of it"),
    errno.ESTALE: Cause("`{folder}` has gone from its server", "mount it again"),
    errno.ENOLCK: Cause("the disk of `{folder}` has no locks", "mount it with locks"),
    errno.EMFILE: OPEN,
    errno.ENFILE: OPEN,
    errno.ENAMETOOLONG: Cause("a name in `{folder}` would be too long", "choose a shorter one"),
    errno.ENOENT: Cause("there is no `{missing}`", "see where it has gone"),
    errno.ENOTDIR: Cause("`{found}` is no folder", "move it away"),
    errno.EEXIST: TAKEN,
    errno.ENOTEMPTY: TAKEN,
}

OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ENOLCK)


@contextmanager
def guard_write(
    what: str, place: Path, elsewhere: str = "", then: str = AGAIN, needs: int = 0
) -> Iterator[None]:
    """Turn a failed write within into an error that names `what`, why it failed, and what helps.

    `place` is where it was to be; `elsewhere` says how to name another place, `then` what to do afterwards;
    `needs` are the bytes of what is written, where they are known.
    """
    try:
        yield
    except OSError as error:
        why, helps = explain_write_error(error, place, elsewhere, needs)
        raise WorkFailedError(f"{what} could not be written: {why}", f"{helps}, then {then}") from error


def explain_write_error(error: OSError, place: Path, elsewhere: str = "", needs: int = 0) -> tuple[str, str]:
    """Return why a write at a place failed, and what helps."""
    found = nearest_existing(place)
    folder = found if found.is_dir() else found.parent
    cause = CAUSES.get(error.errno or 0)
    if cause is None or (error.errno == errno.ENOENT and found == place.absolute()):
        return error.strerror or str(error), elsewhere or f"see to `{folder}`"
    whole = place.absolute()
    missing = next((path for path in reversed((whole, *whole.parents)) if not path.exists()), whole)
    words = {
        "place": place,
        "missing": missing,
        "found": found,
        "folder": folder,
        "room": room(folder, needs),
    }
    helps = f"{cause.helps}, or {elsewhere}" if elsewhere and cause.elsewhere_helps else cause.helps
    return cause.why.format(**words), helps


def as_os_error(error: Exception) -> Exception:
    """Return the error of the system that a library's error tells of, or the error itself."""
    found = NUMBER.search(str(error))
    if found is None:
        return error
    number = int(found[1] or found[2])
    return OSError(number, os.strerror(number))


def room(folder: Path, needs: int) -> str:
    """Say how much may still be written, and how much is to be."""
    left = free(folder)
    known = "" if left is None else f", {format_bytes(left)} free"
    return f"{known}, {format_bytes(needs)} needed" if needs else known


def of_disk(error: BaseException | None) -> OSError | None:
    """Return what a disk refused, if that is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in OF_DISK:
            return error
        error = error.__cause__ or error.__context__
    return None


def refuse_unwritable(target: Path, elsewhere: str, needs: int = 0, locks: bool = False) -> None:
    """Raise, before any work, where a file or folder could not be written; nothing is left behind.

    `needs` are bytes that it takes at least; `locks` asks whether the disk has any.
    """
    found, what = nearest_existing(target), f"`{target}` cannot be written"
    is_target = found == target.absolute()
    if not found.is_dir() and not is_target:
        raise SynthError(f"{what}: `{found}` is no folder", f"move it away, or {elsewhere}")
    try:
        with TemporaryFile(dir=found if found.is_dir() else found.parent) as file:
            file.write(b"\0" * TRIED)
            file.flush()
            if locks:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = free(found)
        if left is not None and left < needs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        why, helps = explain_write_error(error, target, elsewhere, needs)
        raise SynthError(f"{what}: {why}", helps) from error


def nearest_existing(place: Path) -> Path:
    """Return what there is of a path: itself, or the nearest of the folders above it."""
    whole = place.absolute()
    return next(path for path in (whole, *whole.parents) if os.path.lexists(path))


def count_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; links count nothing, nor what has gone."""
    if path.is_symlink():
        return 0
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    try:
        inside = list(path.iterdir())
    except OSError:  # gone, or not ours to read
        return 0
    return sum(map(count_bytes, inside))


def remove_here(path: Path) -> None:
    """Remove a file or a folder where it stands."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def not_removed(
    error: OSError | WorkFailedError, path: Path, of: tuple[str, str], folder: Path, root: Path
) -> WorkFailedError:
    """Return what says why a removal failed, and the command that then removes the rest.

    `of` are the verb and its variable; `folder` is where the verb looks for what is left over, in place of
    `root` where that is another.
    """
    verb, variable = of
    refused = error if isinstance(error, OSError) else error.__cause__  # as `guard_write` raises it
    assert isinstance(refused, OSError)
    why, helps = explain_write_error(refused, path)
    command = shlex.join(["synth", verb, "rm", str(path)])
    if not os.path.lexists(path):  # moved aside
        elsewhere = "" if folder.resolve() == root.resolve() else f"{variable}={shlex.quote(str(folder))} "
        command = f"{elsewhere}synth {verb} rm --leftovers"
    return WorkFailedError(f"`{path}` could not be removed whole: {why}", f"{helps}, then `{command}`")


def free(folder: Path) -> int | None:
    """Return the bytes that may still be written on the disk of a folder, where that is known."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free if usage.total else None  # some disks do not tell


def format_bytes(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
