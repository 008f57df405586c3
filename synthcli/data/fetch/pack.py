"""Pack a folder into one portable file: a tar whose first member lists every file with its sha256.

`pack.json` holds format, kind (corpus or store), name, the folder below the root of its kind, and the files;
they follow as `files/PATH`, sorted. Equal contents give equal bytes: no time, no owner, no host is in it.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, TypedDict, cast

from synthcli.atomic_files import new_file, parents_of
from synthcli.data.fetch.checksums import hash_file
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import Progress

FORMAT = 1
LIST = "pack.json"
FILES = "files/"
ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst")
GZIP_LEVEL = 6
ELSEWHERE = "name another file with `-o`"
Kind = Literal["corpus", "store"]


@dataclass(frozen=True)
class Contents:
    """What goes into a pack: a corpus's files or a store, and where it belongs below its root."""

    kind: Kind
    name: str
    folder: str
    root: Path

    def files(self) -> list[Path]:
        """Return every file but hidden ones, sorted by its path as it is written in the pack."""
        found = [path for path in self.root.rglob("*") if path.is_file() and not self.is_hidden(path)]
        return sorted(found, key=lambda path: path.relative_to(self.root).as_posix())

    def is_hidden(self, path: Path) -> bool:
        return any(part.startswith(".") for part in path.relative_to(self.root).parts)


def pack_folder(contents: Contents, target: Path, report: Progress) -> int:
    """Write a pack, whole or not at all, and return how many files are in it."""
    if not target.name.endswith(ENDINGS):
        allowed = ", ".join(f"`{ending}`" for ending in ENDINGS)
        raise SynthError(f"`{target}` does not say how to pack", f"end the name in one of {allowed}")
    files = contents.files()
    if not files:
        raise SynthError(f"`{contents.root}` holds no files to pack", "`synth corpora fetch` gets them")
    refuse_unwritable(target, ELSEWHERE)
    entries = _describe_contents(files, contents.root, report)
    with (
        guard_write(f"`{target}`", target, ELSEWHERE),
        parents_of(target),
        new_file(target) as beside,
        _open_compressed(beside, target.suffix) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        add(tar, LIST, list_contents(contents, entries))
        done, total = 0, sum(described["bytes"] for described in entries)
        for path, described in zip(files, entries, strict=True):
            add_file(tar, path, described)
            done += described["bytes"]
            report(f"packing {contents.name}", done, total)
    return len(files)


class PackedFile(TypedDict):
    """A file of a pack, as its list has it."""

    path: str
    bytes: int
    sha256: str


def _describe_contents(files: list[Path], root: Path, report: Progress) -> list[PackedFile]:
    """Return path, size and hash of every file."""
    entries: list[PackedFile] = []
    done = 0
    for path in files:
        name, size = path.relative_to(root).as_posix(), path.stat().st_size
        entries.append({"path": name, "bytes": size, "sha256": hash_file(path, "sha256")})
        done += size
        report("hashing", done, None)
    return entries


def list_contents(contents: Contents, entries: list[PackedFile]) -> bytes:
    about = {"format": FORMAT, "kind": contents.kind, "name": contents.name, "folder": contents.folder}
    return (json.dumps({**about, "files": entries}, indent=1) + "\n").encode()


def make_header(name: str, size: int) -> tarfile.TarInfo:
    """Return a header that says nothing of time, owner or rights."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, 0, 0o644
    return info


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(make_header(name, len(data)), io.BytesIO(data))


def add_file(tar: tarfile.TarFile, path: Path, described: PackedFile) -> None:
    """Add a file, which must still be the one that was described."""
    with path.open("rb") as stream:
        hashing = Hashing(stream)
        tar.addfile(make_header(FILES + described["path"], described["bytes"]), cast(IO[bytes], hashing))
    if hashing.sha256 != described["sha256"]:
        raise WorkFailedError(f"`{path}` changed while it was packed", "pack again when nothing writes there")


class Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.hash = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(size)
        self.hash.update(block)
        return block

    @property
    def sha256(self) -> str:
        return self.hash.hexdigest()


@contextmanager
def _open_compressed(path: Path, ending: str) -> Iterator[IO[bytes]]:
    """Open a file to write, compressed as the ending of its name says."""
    with path.open("wb") as raw:
        if ending in (".gz", ".tgz"):
            with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as stream:
                yield cast(IO[bytes], stream)
        elif ending == ".zst":
            import pyarrow

            with pyarrow.CompressedOutputStream(pyarrow.PythonFile(raw, "w"), "zstd") as stream:
                yield stream
        else:
            yield raw
