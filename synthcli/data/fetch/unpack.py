"""Unpack a pack: every file is compared with its list before any of them has a place."""

import gzip
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, cast, get_args

from synthcli.atomic_files import new_folder
from synthcli.data.corpora.homes import data_root, is_filled
from synthcli.data.fetch.archives import (
    Header,
    name_archive_damage,
    one_by_one,
    refuse_more_than_fits,
    refuse_odd,
    safe,
    write_member,
)
from synthcli.data.fetch.pack import FILES, FORMAT, LIST, Hashing, Kind, PackedFile
from synthcli.data.store.store import stores_root
from synthcli.disk import guard_write
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import Progress
from synthcli.safe_read import parse_json, refuse_irregular

LONGEST_LIST = 2**28  # bytes
ELSEWHERE = "give another folder with `--to`"
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}


@dataclass(frozen=True)
class Listed:
    """What a pack says it holds."""

    kind: Kind
    name: str
    folder: str
    files: dict[str, PackedFile]


def unpack_pack(pack: Path, to: Path | None, report: Progress) -> tuple[Listed, Path]:
    """Put what a pack holds into its place, whole or not at all, and return where that is."""
    refuse_irregular(pack)
    if not pack.is_file():
        raise SynthError(f"there is no pack `{pack}`", "`synth corpora pack NAME -o FILE` makes one")
    with (
        name_archive_damage(pack),
        _open_pack(pack) as stream,
        tarfile.open(fileobj=stream, mode="r|", tarinfo=Header) as tar,
    ):
        listed = _read_list(tar, pack)
        target = to or _place_path(listed)
        if is_filled(target):
            raise SynthError(f"`{target}` is there already", "remove it, or give another one with `--to`")
        refuse_more_than_fits(sum(file["bytes"] for file in listed.files.values()), target, pack)
        with guard_write(f"`{target}`", target, ELSEWHERE), new_folder(target) as folder:
            _extract(tar, listed, folder, pack, report)
            _read_to_end(stream)
    return listed, target


def _place_path(listed: Listed) -> Path:
    return (data_root() if listed.kind == "corpus" else stores_root()) / listed.folder


def _read_list(tar: tarfile.TarFile, pack: Path) -> Listed:
    """Return the list at the beginning of a pack; whatever is wrong with it is refused."""
    first = tar.next()
    if first is None or first.name != LIST or not first.isreg() or first.size > LONGEST_LIST:
        _refuse(pack, f"does not begin with `{LIST}`")
    stream = tar.extractfile(first)
    assert stream is not None, first.name  # a plain file has one
    try:
        data = parse_json(stream.read())
        if data["format"] != FORMAT or data["kind"] not in get_args(Kind):
            _refuse(pack, f"is of format {data['format']} and kind `{data['kind']}`")
        files = {safe(str(file["path"]), pack): file for file in data["files"]}
        if not all(type(file["bytes"]) is int and file["bytes"] >= 0 for file in files.values()):
            _refuse(pack, f"has a `{LIST}` with a size that is none")
        sizes = [len(file["sha256"]) for file in files.values()]
        listed = Listed(data["kind"], str(data["name"]), safe(data["folder"], pack), files)
    except (ValueError, TypeError, KeyError) as error:
        _refuse(pack, f"has a `{LIST}` that cannot be read: {error}")
    if len(sizes) != len(data["files"]) or not files:
        _refuse(pack, f"has a `{LIST}` without files, or with one twice")
    return listed


def _extract(tar: tarfile.TarFile, listed: Listed, folder: Path, pack: Path, report: Progress) -> None:
    """Write every file that the list names; another one, a missing one or an altered one is refused."""
    missing = dict(listed.files)
    done, total = 0, sum(file["bytes"] for file in missing.values())
    for member in one_by_one(tar):
        name = member.name.removeprefix(FILES)
        if not member.isreg() or not member.name.startswith(FILES):
            _refuse(pack, f"holds `{member.name}`, which is no file of its list")
        if name not in missing:
            _refuse(pack, f"holds `{name}`, which is not in its list, or twice")
        refuse_odd(member, pack)
        expected = missing.pop(name)
        if member.size != expected["bytes"]:
            _refuse(pack, f"is altered: `{name}` has {member.size:,} bytes, not {expected['bytes']:,}")
        stream = tar.extractfile(member)
        assert stream is not None, name  # a plain file has one
        hashing = Hashing(stream)
        write_member(cast(IO[bytes], hashing), folder / name, pack)
        if hashing.sha256 != expected["sha256"]:
            _refuse(pack, f"is altered: `{name}` has the sha256 {hashing.sha256}, not {expected['sha256']}")
        done += member.size
        report(f"unpacking {listed.name}", done, total)
    if missing:
        rest = f" and {len(missing) - 1:,} more files" if len(missing) > 1 else ""
        _refuse(pack, f"is truncated: it lacks `{next(iter(missing))}`{rest} of its list")


def _read_to_end(stream: IO[bytes]) -> None:
    """Read to the end, so that a checksum of the compression is compared too."""
    while stream.read(2**20):
        pass


@contextmanager
def _open_pack(pack: Path) -> Iterator[IO[bytes]]:
    """Open a pack to read, compressed as its first bytes say."""
    with pack.open("rb") as raw:
        kind = MAGIC.get(raw.read(2))
        raw.seek(0)
        if kind == "gzip":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield cast(IO[bytes], stream)
        elif kind == "zstd":
            import pyarrow

            with pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd") as stream:
                yield stream
        else:
            yield raw


def _refuse(pack: Path, why: str) -> NoReturn:
    raise WorkFailedError(f"`{pack}` {why}: nothing is unpacked", "copy it again, or pack it again")
