"""What an archive claims is compared with the room there is before anything of it is written."""

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcli.data.fetch import pack as packing
from synthcli.data.fetch.archives import Header, unpack_archive
from synthcli.data.fetch.pack import Contents, pack_folder
from synthcli.data.fetch.unpack import unpack_pack
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import no_progress
from tests.data.fetch.test_archives import zip_of
from tests.data.fetch.test_pack import altered, contents, listed

__all__ = ["contents"]
ROOM = 5_000_000


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for five million bytes."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=ROOM))


def refusal(call: Callable[[], object], target: Path) -> str:
    """Return the message of a refusal that left nothing at its target."""
    with pytest.raises(SynthError) as caught:
        call()
    assert not target.exists()
    return caught.value.message


def test_a_zip_that_claims_more_than_fits(tmp_path: Path, little_room: None) -> None:
    """Two members that fit one by one, and not together."""
    archive = zip_of(tmp_path / "x.zip", {"a": bytes(3_000_000), "b": bytes(3_000_000)})
    assert archive.stat().st_size < 10_000
    message = refusal(lambda: unpack_archive(archive, "", tmp_path / "out"), tmp_path / "out")
    assert message == f"`{archive}` claims 6,000,000 bytes, and there is room for 5,000,000 in `{tmp_path}`"
    unpack_archive(zip_of(tmp_path / "y.zip", {"a": bytes(3_000_000)}), "", tmp_path / "out")


def test_only_what_is_taken_counts(tmp_path: Path, little_room: None) -> None:
    archive = zip_of(tmp_path / "x.zip", {"a/x": b"1", "b/y": bytes(9_000_000)})
    unpack_archive(archive, "a", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


def test_a_zip_whose_member_lies_about_its_size(tmp_path: Path) -> None:
    """No more is read than the list says, and the checksum then differs."""
    archive = zip_of(tmp_path / "x.zip", {"a": bytes(1_000_000)})
    data = archive.read_bytes()
    archive.write_bytes(data.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(WorkFailedError, match="truncated or damaged: bad crc-32"):
        unpack_archive(archive, "", tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 10


def headed(path: Path, size: int, kind: bytes = tarfile.REGTYPE) -> Path:
    """Write a tar whose only header claims a size, and nothing after it."""
    info = tarfile.TarInfo("a")
    info.size, info.type = size, kind
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    return path


def test_a_tar_that_claims_more_than_fits(tmp_path: Path, little_room: None) -> None:
    archive = headed(tmp_path / "x.tar", 10**15)
    message = refusal(lambda: unpack_archive(archive, "", tmp_path / "out"), tmp_path / "out")
    assert message == (
        f"`{archive}` claims 1,000,000,000,000,000 bytes, and there is room for 5,000,000 in `{tmp_path}`"
    )


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_long_name_is_not_read_without_end(tmp_path: Path, kind: bytes) -> None:
    archive = headed(tmp_path / "x.tar", 2**40, kind)
    message = refusal(lambda: unpack_archive(archive, "", tmp_path / "out"), tmp_path / "out")
    assert message == f"`{archive}` is truncated or damaged: a header claims 1,099,511,627,776 bytes"


def test_a_header_that_leads_backwards(tmp_path: Path) -> None:
    archive = headed(tmp_path / "x.tar", -1024)
    message = refusal(lambda: unpack_archive(archive, "", tmp_path / "out"), tmp_path / "out")
    assert message == f"`{archive}` is truncated or damaged: a header claims -1,024 bytes"


def test_a_file_with_holes(tmp_path: Path) -> None:
    """GNU tar packs a terabyte of nothing in a few kilobytes."""
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(2**40)
    tar = shutil.which("tar")
    assert tar is not None
    archive = tmp_path / "x.tar"
    subprocess.run([tar, "-cSf", archive, "hole"], cwd=tmp_path, check=True)
    assert archive.stat().st_size < 50_000
    message = refusal(lambda: unpack_archive(archive, "", tmp_path / "out"), tmp_path / "out")
    assert message == f"`{archive}` is refused: `hole` is a file with holes"


def test_a_pack_that_claims_more_than_fits(tmp_path: Path, contents: Contents, little_room: None) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    entry = {"path": "a", "bytes": 10**12, "sha256": "0" * 64}
    changed = altered(tmp_path / "x.tar", tmp_path / "y.tar", listed(files=[entry]))
    message = refusal(lambda: unpack_pack(changed, tmp_path / "out", no_progress), tmp_path / "out")
    assert (
        message
        == f"`{changed}` claims 1,000,000,000,000 bytes, and there is room for 5,000,000 in `{tmp_path}`"
    )


@pytest.mark.parametrize("size", [-1, 1.5, True, "9", 1e308, None])
def test_a_size_that_is_none(tmp_path: Path, contents: Contents, size: object) -> None:
    pack_folder(contents, tmp_path / "x.tar", no_progress)
    entry = {"path": "a", "bytes": size, "sha256": "0" * 64}
    changed = altered(tmp_path / "x.tar", tmp_path / "y.tar", listed(files=[entry]))
    message = refusal(lambda: unpack_pack(changed, tmp_path / "out", no_progress), tmp_path / "out")
    assert message.startswith(f"`{changed}` has a `pack.json`")


def test_a_member_larger_than_listed_is_not_written(tmp_path: Path, contents: Contents) -> None:
    """Its list says 1 byte, the member has millions: it is refused by its header."""
    target = tmp_path / "y.tar"
    entry = {"path": "a", "bytes": 1, "sha256": "0" * 64}
    with tarfile.open(target, "w") as tar:
        packing.add(tar, "pack.json", packing.list_contents(contents, [entry]))
        tar.addfile(packing.make_header("files/a", 10**7), io.BytesIO(bytes(10**7)))
    message = refusal(lambda: unpack_pack(target, tmp_path / "out", no_progress), tmp_path / "out")
    assert message == f"`{target}` is altered: `a` has 10,000,000 bytes, not 1: nothing is unpacked"


def test_headers_of_whole_archives_are_read_as_before(tmp_path: Path) -> None:
    """Long names, which stand before their member, and what pax says of it."""
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"{form}.tar"
        with tarfile.open(path, "w", format=form) as tar:
            info = tarfile.TarInfo("x" * 90 + "/" + "ü" * 60)
            tar.addfile(info, io.BytesIO())
        with tarfile.open(path, "r|", tarinfo=Header) as tar:
            assert [member.name for member in tar] == [info.name]
    assert zipfile.is_zipfile(zip_of(tmp_path / "x.zip", {"a": b""}))
