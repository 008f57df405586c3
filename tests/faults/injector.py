"""A system that refuses the n-th write below a folder, in this process.

Every call that changes a disk is counted: opening to write, each write of a file, new folders, links,
renames, removals, syncing, locks, and files that a native library writes by itself. The one asked for, and on
a full or read-only disk all later ones too, is refused as the system would: a write after half of its bytes.
"""

import builtins
import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from safetensors import torch as safetensors

SENT = "stdout.txt"  # where results are sent; who asks for a command has opened it
GROWS = {"open", "write", "mkdir", "symlink", "link", "native"}  # what takes room
CHANGES = {*GROWS, "rename", "remove"}
REFUSES = {  # what each error of the system is an answer to
    errno.ENOSPC: {*GROWS, "rename", "sync"},
    errno.EDQUOT: {*GROWS, "sync"},
    errno.EROFS: CHANGES,
    errno.EACCES: CHANGES - {"write"},
    errno.EIO: {*CHANGES, "sync"},
    errno.ENOLCK: {"lock"},
    errno.EMFILE: {"open"},
    errno.EINVAL: {"sync"},
    errno.EPERM: {"symlink"},
}
LASTING = {errno.ENOSPC: GROWS, errno.EDQUOT: GROWS, errno.EROFS: CHANGES, errno.ENOLCK: {"lock"}}


@dataclass
class Disk:
    """What is refused, if anything: the call of this number among those that `number` answers."""

    root: Path
    number: int | None = None
    at: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)  # what was asked for: kind and path
    seen: int = 0
    refused: tuple[str, str] | None = None  # the first that was

    def ask(self, kind: str, path: Any) -> None:
        """Count a call, and refuse it where its turn has come."""
        place = located(path)
        if place is None or not place.startswith(f"{self.root}{os.sep}"):
            return
        if kind == "open" and place == str(self.root / SENT):
            return
        self.calls.append((kind, place))
        if self.number is None or kind not in REFUSES[self.number]:
            return
        if self.refused is None:
            self.seen += 1
            if self.seen != self.at:
                return
            self.refused = (kind, place)
        elif kind not in LASTING.get(self.number, ()):
            return
        raise OSError(self.number, os.strerror(self.number), place)


def located(path: Any) -> str | None:
    """Return the place of a path or of an open file, if it has one."""
    try:
        if hasattr(path, "fileno"):
            path = path.fileno()
        if isinstance(path, int):
            return os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115
        return os.path.abspath(os.fsdecode(path))  # noqa: PTH100, links stay
    except (OSError, TypeError, ValueError):
        return None


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:
    """Ask a disk before every call within that would change it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, kind, place in CALLS:
            patch.setattr(os, name, asking(disk, getattr(os, name), kind, place))
        patch.setattr(os, "open", opening(disk, os.open))
        patch.setattr(fcntl, "flock", asking(disk, fcntl.flock, "lock", 0))
        patch.setattr(safetensors, "serialize_file", native(disk, safetensors.serialize_file))
        files = opened_by(disk)
        patch.setattr(io, "open", files)
        patch.setattr(builtins, "open", files)
        yield disk


CALLS = (
    ("mkdir", "mkdir", 0),
    ("rename", "rename", 1),
    ("replace", "rename", 1),
    ("symlink", "symlink", 1),
    ("link", "link", 1),
    ("unlink", "remove", 0),
    ("remove", "remove", 0),
    ("rmdir", "remove", 0),
    ("fsync", "sync", 0),
    ("truncate", "write", 0),
    ("ftruncate", "write", 0),
    ("write", "write", 0),
    ("pwrite", "write", 0),
)


def asking(disk: Disk, call: Callable[..., Any], kind: str, place: int) -> Callable[..., Any]:
    """Return a call that asks first; `place` numbers the argument that names what is changed."""

    def ask(*what: Any, **more: Any) -> Any:
        path = what[place]
        if (folder := more.get("dir_fd")) is not None:
            path = Path(located(folder) or "") / os.fsdecode(path)
        disk.ask(kind, path)
        return call(*what, **more)

    return ask


def opening(disk: Disk, call: Callable[..., int]) -> Callable[..., int]:
    def ask(path: Any, flags: int, *what: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            disk.ask("open", Path(os.fsdecode(path)) / "unnamed" if flags & UNNAMED == UNNAMED else path)
        return call(path, flags, *what, **more)

    return ask


UNNAMED = getattr(os, "O_TMPFILE", -1)


def native(disk: Disk, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return safetensors' own writing, which leaves half a file and an error of its own kind."""

    def ask(tensors: Any, path: Any, *what: Any, **more: Any) -> Any:
        try:
            disk.ask("native", path)
        except OSError as error:
            call(tensors, path, *what, **more)
            os.truncate(path, Path(path).stat().st_size // 2)
            said = f"Error while serializing: I/O error: {error.strerror} (os error {error.errno})"
            raise SafetensorError(said) from None
        return call(tensors, path, *what, **more)

    return ask


def opened_by(disk: Disk) -> Callable[..., Any]:
    """Return what opens files: those to write are made of a `FileIO` that asks."""
    plain = io.open

    class Asking(io.FileIO):
        def write(self, content: Any) -> int:
            try:
                disk.ask("write", self.fileno())
            except OSError:
                super().write(bytes(content)[: len(bytes(content)) // 2])
                raise
            return super().write(content)

        def truncate(self, size: int | None = None) -> int:
            disk.ask("write", self.fileno())
            return super().truncate(size)

    def open_file(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        is_written = set(mode) & set("wax+") and not isinstance(file, int)
        if not is_written:
            return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if opener is None:
            disk.ask("open", file)
        raw = Asking(file, mode.replace("t", ""), opener=opener)
        if buffering == 0:
            return raw
        kind: Any = io.BufferedRandom if "+" in mode else io.BufferedWriter
        buffered = kind(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, io.text_encoding(encoding), errors, newline)
        text.mode = mode
        return text

    return open_file
