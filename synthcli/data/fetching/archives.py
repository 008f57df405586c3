"""Unpack archives into a folder and nowhere else: plain files only, no paths that leave it, no links."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from synthcli.errors import WorkFailedError

Member = tuple[str, IO[bytes]]


def unpack(archive: Path, folder: str, target: Path) -> None:
    """Write the files under `folder` of an archive, without that prefix, below `target`."""
    prefix = f"{folder}/" if folder else ""
    written = 0
    with damage_named(archive):
        for name, stream in members(archive):
            if name.startswith(prefix):
                write(stream, target / safe(name, archive).removeprefix(prefix), archive)
                written += 1
    if written == 0:
        raise WorkFailedError(
            f"`{archive}` has no files in `{folder or '.'}`", "its publisher may have changed it"
        )


def members(archive: Path) -> Iterator[Member]:
    return zip_members(archive) if archive.suffix == ".zip" else tar_members(archive)


def tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r|*") as tar:
        for member in one_by_one(tar):
            if member.isdir():
                continue
            if not member.isreg():
                raise unsafe(archive, member.name, "is a link or a device")
            stream = tar.extractfile(member)
            assert stream is not None, member.name  # a plain file has one
            yield member.name.removeprefix("./"), stream


def one_by_one(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members that follow; unlike the tar itself, keep none of hundreds of thousands."""
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]


def zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise unsafe(archive, member.filename, "is a link or a device")
            with packed.open(member) as stream:
                yield member.filename, stream


def safe(name: str, archive: Path) -> str:
    """Return a name that stays below the folder it is written to; any other is refused."""
    parts = PurePosixPath(name).parts
    plain = parts and "/".join(parts) == name and "\\" not in name and "\0" not in name
    if not plain or ".." in parts or parts[0] == "/" or PureWindowsPath(name).drive:
        raise unsafe(archive, name, "would leave the folder or is no plain path")
    return name


def write(stream: IO[bytes], path: Path, archive: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as out:
            shutil.copyfileobj(stream, out, 2**20)
    except FileExistsError as error:
        raise unsafe(archive, path.name, "is there twice") from error


def unsafe(archive: Path, name: str, why: str) -> WorkFailedError:
    return WorkFailedError(f"`{archive}` is refused: `{name}` {why}", "take the publisher's own archive")


@contextmanager
def damage_named(archive: Path) -> Iterator[None]:
    """Turn a broken archive into an error that names it; a full disk stays what it is."""
    try:
        yield
    except (EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise WorkFailedError(
            f"`{archive}` is truncated or damaged: {str(error).lower()}", "get it again from its publisher"
        ) from error
