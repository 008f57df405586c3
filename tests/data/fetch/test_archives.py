"""Archives unpack below their folder; whatever would leave it, or is broken, is refused by name."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from synthcli.data.fetch.archives import unpack_archive
from synthcli.errors import WorkFailedError

FILES = {"top/a.txt": b"one", "top/sub/b.txt": b"two" * 1_000, "other/c.txt": b"three"}


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix != ".tar" else "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


MAKERS = {".tar": tar_of, ".tgz": tar_of, ".tar.gz": tar_of, ".zip": zip_of}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("ending", MAKERS)
def test_a_folder_of_an_archive_is_taken(tmp_path: Path, ending: str) -> None:
    archive = MAKERS[ending](tmp_path / f"files{ending}", FILES)
    unpack_archive(archive, "top", tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": FILES["top/a.txt"], "sub/b.txt": FILES["top/sub/b.txt"]}
    unpack_archive(archive, "", tmp_path / "all")
    assert tree(tmp_path / "all") == dict(sorted(FILES.items()))


@pytest.mark.parametrize("ending", [".tgz", ".zip"])
@pytest.mark.parametrize("name", ["../x", "top/../../x", "/tmp/x", "C:/x", "top\\..\\x", "top//x", "./../x"])
def test_names_that_leave_the_folder(tmp_path: Path, ending: str, name: str) -> None:
    archive = MAKERS[ending](tmp_path / f"files{ending}", {name: b"bad"})
    with pytest.raises(WorkFailedError, match="would leave the folder or is no plain path"):
        unpack_archive(archive, "", tmp_path / "deep" / "out")
    assert tree(tmp_path / "deep") == {}
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(WorkFailedError, match="`link` is a link or a device"):
        unpack_archive(tmp_path / "files.tar", "", tmp_path / "out")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(WorkFailedError, match="`link` is a link or a device"):
        unpack_archive(tmp_path / "files.zip", "", tmp_path / "out")


@pytest.mark.parametrize("ending", MAKERS)
@pytest.mark.parametrize("kept", [0.2, 0.6])
def test_a_truncated_archive(tmp_path: Path, ending: str, kept: float) -> None:
    archive = MAKERS[ending](tmp_path / f"files{ending}", {"top/b": bytes(range(256)) * 64})
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(WorkFailedError) as error:
        unpack_archive(archive, "top", tmp_path / "out")
    assert error.value.message.startswith(f"`{archive}` is truncated or damaged: ")


def test_an_altered_zip(tmp_path: Path) -> None:
    archive = tmp_path / "files.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a", b"plain text")
    archive.write_bytes(archive.read_bytes().replace(b"plain text", b"plain texs"))
    with pytest.raises(WorkFailedError, match="truncated or damaged: bad crc"):
        unpack_archive(archive, "", tmp_path / "out")


def test_a_folder_that_is_not_in_it(tmp_path: Path) -> None:
    with pytest.raises(WorkFailedError, match="has no files in `absent`"):
        unpack_archive(tar_of(tmp_path / "files.tgz", FILES), "absent", tmp_path / "out")


def test_a_name_twice(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        for data in (b"one", b"two"):
            info = tarfile.TarInfo("a")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(WorkFailedError, match="`a` is there twice"):
        unpack_archive(tmp_path / "files.tar", "", tmp_path / "out")
