"""A pack unpacks to the same bytes on another machine; an altered one puts nothing into place."""

import errno
import gzip
import io
import json
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.fetch import pack as packing
from synthcli.data.fetch.pack import ENDINGS, Contents, pack_folder
from synthcli.data.fetch.unpack import unpack_pack
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import no_progress
from tests.data.fetch.test_archives import tree

FILES = {"train.csv": b"a,b\n" * 20_000, "empty": b"", "sub/deep/x.bin": random.Random(0).randbytes(70_000)}


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    folder = tmp_path / "here"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x").touch()
    return Contents("corpus", "glue-cola", "glue/CoLA", folder)


def altered(source: Path, target: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> Path:
    """Write a pack whose members have gone through `change`."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            for name, data in change(member.name, stream.read()):
                packing.add(new, name, data)
    return target


def listed(**changes: Any) -> Callable[[str, bytes], list[tuple[str, bytes]]]:
    def change(name: str, data: bytes) -> list[tuple[str, bytes]]:
        return [(name, json.dumps(json.loads(data) | changes).encode() if name == "pack.json" else data)]

    return change


def refused(pack_file: Path, root: Path) -> str:
    with pytest.raises(WorkFailedError) as error:
        unpack_pack(pack_file, None, no_progress)
    assert str(pack_file) in error.value.message
    assert not [path for path in root.rglob("*") if path.is_file()] if root.exists() else True
    return error.value.message


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_packed_is_unpacked(root: Path, contents: Contents, tmp_path: Path, ending: str) -> None:
    assert pack_folder(contents, tmp_path / f"x{ending}", no_progress) == 3
    found, target = unpack_pack(tmp_path / f"x{ending}", None, no_progress)
    assert (found.kind, found.name, target) == ("corpus", "glue-cola", root / "glue" / "CoLA")
    assert tree(target) == dict(sorted(FILES.items()))
    assert sorted(path.name for path in target.parent.iterdir()) == ["CoLA"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_equal_contents_give_equal_bytes(contents: Contents, tmp_path: Path, ending: str) -> None:
    pack_folder(contents, tmp_path / f"one{ending}", no_progress)
    for path in contents.root.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    pack_folder(contents, tmp_path / f"two{ending}", no_progress)
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.85])  # the last tenth of a small tar is padding
def test_a_truncated_pack(root: Path, contents: Contents, tmp_path: Path, ending: str, kept: float) -> None:
    path = tmp_path / f"x{ending}"
    pack_folder(contents, path, no_progress)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path, root)


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.zst"])
def test_a_flipped_bit_of_a_compressed_pack(
    root: Path, contents: Contents, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"x{ending}"
    pack_folder(contents, path, no_progress)
    data = path.read_bytes()
    places = random.Random(1)
    for _ in range(12):
        place = places.randrange(64, len(data))
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refused(path, root)


def test_a_flipped_bit_of_a_plain_pack(root: Path, contents: Contents, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    pack_folder(contents, path, no_progress)
    data = path.read_bytes()
    for inside in (FILES["train.csv"], FILES["sub/deep/x.bin"], b'"sha256"', b"files/empty"):
        place = data.index(inside) + len(inside) // 2
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refused(path, root)


def test_an_altered_file_is_named(root: Path, contents: Contents, tmp_path: Path) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    path = altered(
        tmp_path / "x.tar",
        tmp_path / "y.tar",
        lambda name, data: [(name, data.replace(b"a,b", b"a,c", 1) if "train" in name else data)],
    )
    assert "is altered: `train.csv` has the sha256 " in refused(path, root)


def test_a_missing_a_further_and_a_repeated_file(root: Path, contents: Contents, tmp_path: Path) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)

    def changed(change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> str:
        return refused(altered(tmp_path / "x.tar", tmp_path / "y.tar", change), root)

    assert "lacks `train.csv` of its list" in changed(
        lambda name, data: [] if "train" in name else [(name, data)]
    )
    assert "holds `more`, which is not in its list" in changed(
        lambda name, data: [(name, data), *([("files/more", b"")] if "train" in name else [])]
    )
    assert "holds `train.csv`, which is not in its list, or twice" in changed(
        lambda name, data: [(name, data)] * (2 if "train" in name else 1)
    )
    assert "holds `train.csv`, which is no file of its list" in changed(
        lambda name, data: [(name.replace("files/train", "train"), data)]
    )


@pytest.mark.parametrize("name", ["../x", "/x", "sub/../../x", "sub\\..\\..\\x", "C:/x"])
def test_names_that_leave_the_folder(root: Path, contents: Contents, tmp_path: Path, name: str) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)

    def rename(member: str, data: bytes) -> list[tuple[str, bytes]]:
        return (
            [(member, data.replace(b"train.csv", json.dumps(name)[1:-1].encode()))]
            if member == "pack.json"
            else [(member.replace("train.csv", name), data)]
        )

    path = altered(tmp_path / "x.tar", tmp_path / "y.tar", rename)
    assert "would leave the folder" in refused(path, root)
    path = altered(tmp_path / "x.tar", tmp_path / "z.tar", listed(folder=name))
    assert "would leave the folder" in refused(path, root)


def test_a_link_in_a_pack(root: Path, contents: Contents, tmp_path: Path) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    with tarfile.open(tmp_path / "x.tar") as old, tarfile.open(tmp_path / "y.tar", "w") as new:
        first = old.next()
        assert first is not None
        new.addfile(first, old.extractfile(first))
        link = tarfile.TarInfo("files/train.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        new.addfile(link)
    assert "which is no file of its list" in refused(tmp_path / "y.tar", root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "is of format 2 and kind `corpus`"),
        ({"kind": "run"}, "is of format 1 and kind `run`"),
        ({"files": []}, "without files"),
        ({"files": [{"path": "a"}]}, "cannot be read"),
        ({"files": [{"path": "a", "bytes": "1", "sha256": ""}]}, "with a size that is none"),
        ({"files": 3}, "cannot be read"),
        ({"folder": 3}, "cannot be read"),
    ],
)
def test_a_list_that_is_wrong(
    root: Path, contents: Contents, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    assert said in refused(altered(tmp_path / "x.tar", tmp_path / "y.tar", listed(**changes)), root)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", gzip.compress(b"text", mtime=0)]
)
def test_a_file_that_is_no_pack(root: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    refused(tmp_path / "x.tar", root)


def test_another_tar(root: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        info = tarfile.TarInfo("a")
        tar.addfile(info, io.BytesIO())
    assert "does not begin with `pack.json`" in refused(tmp_path / "x.tar", root)


def test_what_stands_there_is_not_replaced(root: Path, contents: Contents, tmp_path: Path) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    (root / "glue" / "CoLA").mkdir(parents=True)
    (root / "glue" / "CoLA" / "mine").touch()
    with pytest.raises(SynthError) as error:
        unpack_pack(tmp_path / "x.tar", None, no_progress)
    assert str(error.value) == (
        f"`{root / 'glue' / 'CoLA'}` is there already\nhint: remove it, or give another one with `--to`"
    )
    assert tree(root) == {"glue/CoLA/mine": b""}


def test_a_full_disk_leaves_no_pack(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*what: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packing, "add_file", full)
    with pytest.raises(WorkFailedError, match=r"out/x\.tar` could not be written: the disk of `.*` is full"):
        pack_folder(contents, tmp_path / "out" / "x.tar", no_progress)
    assert not (tmp_path / "out").exists()


def test_a_file_that_changes_while_it_is_packed(contents: Contents, tmp_path: Path) -> None:
    def change(what: str, done: int, total: int | None) -> None:
        if what.startswith("packing"):
            (contents.root / "train.csv").write_bytes(b"A,b\n" * 20_000)

    with pytest.raises(WorkFailedError, match=r"train\.csv` changed while it was packed"):
        pack_folder(contents, tmp_path / "x.tar", change)
    assert not (tmp_path / "x.tar").exists()


def test_what_cannot_be_packed(contents: Contents, tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"`x\.zip` does not say how to pack"):
        pack_folder(contents, Path("x.zip"), no_progress)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SynthError, match="holds no files to pack"):
        pack_folder(Contents("corpus", "x", "x", tmp_path / "empty"), tmp_path / "x.tar", no_progress)
