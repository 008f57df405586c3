"""Where libraries are looked for, and which of them were made from the sources at hand."""

import os
import subprocess
from pathlib import Path

import pytest

from synthcli.kernels import places, report
from synthcli.kernels.install import keep_others_out
from synthcli.kernels.report import BuildReport, LibraryPart


@pytest.fixture
def package(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a checkout whose sources are small, and a user with an empty cache."""
    folder = tmp_path / "checkout" / "synthcli" / "kernels"
    folder.mkdir(parents=True)
    sources.rename(tmp_path / "checkout" / "kernels")
    monkeypatch.setattr(places, "PACKAGE", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SYNTH_KERNELS_DIR", raising=False)
    return folder


def write(folder: Path, sources: str, cpu: LibraryPart = LibraryPart("built")) -> None:  # noqa: B008  frozen
    folder.mkdir(parents=True, exist_ok=True)
    (folder / report.FILE).write_text(report.as_text(BuildReport(7, sources, cpu, LibraryPart("off"))))


def test_the_real_sources_are_there_and_declare_the_interface_that_is_loaded() -> None:
    from synthcli.kernels.abi import ABI

    assert places.interface_version(places.sources()) == ABI


def test_a_checkout_builds_beside_the_package_and_a_wheel_into_the_cache(
    package: Path, tmp_path: Path
) -> None:
    assert places.build_folder() == package / "built"
    assert places.sources() == tmp_path / "checkout" / "kernels"
    (package / "source").mkdir()
    assert places.sources() == package / "source"
    assert places.build_folder() == tmp_path / "cache" / "synth" / "kernels"


def test_a_folder_that_is_named_comes_first(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTH_KERNELS_DIR", str(tmp_path / "own"))
    assert places.build_folder() == tmp_path / "own"
    for folder in (tmp_path / "own", package / "built"):
        write(folder, places.hash_sources(places.sources()))
    assert places.candidates() == [tmp_path / "own", package / "built"]


@pytest.fixture
def built(package: Path) -> Path:
    """A user's folder with a library, as `synth kernels build` leaves it under any umask."""
    folder = places.user_folder()
    write(folder, places.hash_sources(places.sources()))
    (folder / places.FILES["cpu"]).write_bytes(b"")
    for path in (folder, *folder.iterdir()):
        keep_others_out(path)
    assert places.candidates() == [folder]
    return folder


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("file", ["", places.FILES["cpu"], report.FILE])
def test_nothing_is_loaded_that_others_may_write(file: str, mode: int, built: Path) -> None:
    path = built / file
    path.chmod(mode)
    assert places.candidates() == []
    reason = f"`{path}` may be written by others: `chmod go-w {path}`, or build anew"
    assert places.reason_for_absence("cpu") == reason
    subprocess.run(["chmod", "go-w", path], check=True)
    assert places.candidates() == [built]


@pytest.mark.parametrize("file", ["", places.FILES["cpu"], report.FILE])
def test_nothing_is_loaded_that_belongs_to_another(
    file: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = built / file, Path.stat

    def of_another(self: Path, **how: bool) -> os.stat_result:
        found = list(real(self, **how))
        found[4] = 4321 if self == path else found[4]
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", of_another)
    assert places.candidates() == []
    reason = f"`{path}` belongs to another user (uid 4321): `synth kernels build` makes your own"
    assert places.reason_for_absence("cpu") == reason


def test_what_was_built_at_install_is_as_safe_as_the_package(package: Path) -> None:
    write(package / "built", places.hash_sources(places.sources()))
    (package / "built" / places.FILES["cpu"]).write_bytes(b"")
    (package / "built").chmod(0o777)
    assert places.candidates() == [package / "built"]


def test_a_build_of_other_sources_is_stale(package: Path) -> None:
    write(places.user_folder(), "another hash")
    write(package / "built", places.hash_sources(places.sources()))
    assert places.candidates() == [package / "built"]
    assert [place.is_stale for place in places.places()] == [True, False]


def test_an_edit_of_any_source_makes_a_build_stale(package: Path) -> None:
    write(package / "built", places.hash_sources(places.sources()))
    assert places.candidates() == [package / "built"]
    (places.sources() / "README.md").write_text("not compiled")
    assert places.candidates() == [package / "built"]
    header = places.sources() / "sru_abi.h"
    header.write_text(header.read_text() + "\n")
    assert places.candidates() == []
    assert (
        places.reason_for_absence("cpu") == f"the build in `{package / 'built'}` was made from other sources"
    )


def test_the_names_of_sources_count(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a.cpp", "b.cpp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("same")
        hashes.add(places.hash_sources(tmp_path / name))
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("cpu", "reason"),
    [
        (LibraryPart("failed", reason="no such luck"), "no such luck"),
        (LibraryPart("off"), "was not asked for it"),
        (LibraryPart("built"), "is gone"),
    ],
)
def test_what_is_absent_has_a_reason(cpu: LibraryPart, reason: str, package: Path) -> None:
    assert places.reason_for_absence("cpu") == "nothing was built"
    write(package / "built", places.hash_sources(places.sources()), cpu)
    assert places.reason_for_absence("cpu").endswith(reason)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"abi": 1}', '{"abi": 1, "sources": "", "cpu": 3, "cuda": {}}', "\xff"]
)
def test_a_report_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / report.FILE).write_bytes(text.encode("latin-1"))
    assert report.read_report(tmp_path) is None


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    cpu = LibraryPart("built", "/usr/bin/g++", "g++ 12", ("baseline", "avx2"), "", 3.5)
    made = BuildReport(7, "hash", cpu, LibraryPart("failed", targets=("sm_80",), reason="x"))
    (tmp_path / report.FILE).write_text(report.as_text(made))
    assert report.read_report(tmp_path) == made
    assert '"architectures": [\n      "sm_80"' in (tmp_path / report.FILE).read_text()
