"""Unpack archives into a folder and nowhere else: plain files only, no paths that leave it, no links.

What members claim to hold is compared with the room on the disk before any of it is written: a few kilobytes
can stand for petabytes. A tar has no list of its members, so that each is compared when its turn comes.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Self

from synthcli.errors import SynthError, WorkFailedError

LONGEST_HEADER = 2**20  # bytes of what stands before a member, such as a long name: it is read into memory
BEFORE_MEMBERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


@dataclass(frozen=True)
class Member:
    """A plain file of an archive: its name, the bytes it claims to have, and a stream of them."""

    name: str
    size: int
    stream: IO[bytes]


def unpack_archive(archive: Path, folder: str, target: Path) -> None:
    """Write the files under `folder` of an archive, without that prefix, below `target`."""
    prefix = f"{folder}/" if folder else ""
    written = 0
    with name_archive_damage(archive):
        if archive.suffix == ".zip":
            refuse_more_than_fits(_count_claimed(archive, prefix), target, archive)
        for member in members(archive):
            if member.name.startswith(prefix):
                refuse_more_than_fits(member.size, target, archive)
                write_member(member.stream, target / safe(member.name, archive).removeprefix(prefix), archive)
                written += 1
    if written == 0:
        raise WorkFailedError(
            f"`{archive}` has no files in `{folder or '.'}`", "its publisher may have changed it"
        )


def members(archive: Path) -> Iterator[Member]:
    return _zip_members(archive) if archive.suffix == ".zip" else _tar_members(archive)


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r|*", tarinfo=Header) as tar:
        for member in one_by_one(tar):
            if member.isdir():
                continue
            refuse_odd(member, archive)
            stream = tar.extractfile(member)
            assert stream is not None, member.name  # a plain file has one
            yield Member(member.name.removeprefix("./"), member.size, stream)


class Header(tarfile.TarInfo):
    """A header of a tar; one that would be read without end, or backwards, is none."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in BEFORE_MEMBERS and header.size > LONGEST_HEADER):
            raise tarfile.ReadError(f"a header claims {header.size:,} bytes")
        return header


def refuse_odd(member: tarfile.TarInfo, archive: Path) -> None:
    """Refuse a member of a tar that is no plain file, or one with holes, which a few bytes can claim."""
    if not member.isreg():
        raise _unsafe(archive, member.name, "is a link or a device")
    if member.issparse():
        raise _unsafe(archive, member.name, "is a file with holes")


def one_by_one(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members that follow; unlike the tar itself, keep none of hundreds of thousands."""
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]  # which typeshed does not know


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise _unsafe(archive, member.filename, "is a link or a device")
            with packed.open(member) as stream:
                yield Member(member.filename, member.file_size, stream)


def _count_claimed(archive: Path, prefix: str) -> int:
    """Return the bytes that the members of a zip under a prefix claim together."""
    with zipfile.ZipFile(archive) as packed:
        return sum(member.file_size for member in packed.infolist() if member.filename.startswith(prefix))


def refuse_more_than_fits(size: int, target: Path, archive: Path) -> None:
    """Refuse to write more than there is room for where `target` stands or will stand."""
    there = next(folder for folder in (target, *target.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if size > free:
        message = f"`{archive}` claims {size:,} bytes, and there is room for {free:,} in `{there}`"
        raise SynthError(message, "free space there, or name another folder with `--to`")


def safe(name: str, archive: Path) -> str:
    """Return a name that stays below the folder it is written to; any other is refused."""
    parts = PurePosixPath(name).parts
    plain = parts and "/".join(parts) == name and "\\" not in name and "\0" not in name
    if not plain or ".." in parts or parts[0] == "/" or PureWindowsPath(name).drive:
        raise _unsafe(archive, name, "would leave the folder or is no plain path")
    return name


def write_member(stream: IO[bytes], path: Path, archive: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as out:
            shutil.copyfileobj(stream, out, 2**20)
    except FileExistsError as error:
        raise _unsafe(archive, path.name, "is there twice") from error


def _unsafe(archive: Path, name: str, why: str) -> WorkFailedError:
    return WorkFailedError(f"`{archive}` is refused: `{name}` {why}", "take the publisher's own archive")


@contextmanager
def name_archive_damage(archive: Path) -> Iterator[None]:
    """Turn a broken archive into an error that names it; a full disk stays what it is."""
    try:
        yield
    except (EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise WorkFailedError(
            f"`{archive}` is truncated or damaged: {str(error).lower()}", "get it again from its publisher"
        ) from error
