"""A library is used whole and of this version, or not at all; a process never dies of one."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from synthcli.kernels import library, places, report
from synthcli.kernels.abi import ABI, Problem
from synthcli.kernels.library import Unavailable, check_whole, open_library

COMPILER = shutil.which("g++") or shutil.which("c++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


def compiled(tmp_path: Path, source: str) -> Path:
    """Compile a library with the C interface."""
    code, path = tmp_path / "foreign.cpp", tmp_path / "libforeign.so"
    code.write_text(f'#include <stdint.h>\nextern "C" {{ {source} }}\n')
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(path), str(code)], check=True)
    return path


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "libsynth_sru_cpu.so"
    path.write_bytes(b"not a library")
    with pytest.raises(Unavailable, match="does not load"):
        open_library("cpu", path)


@needs_compiler
def test_a_foreign_library_is_refused(tmp_path: Path) -> None:
    path = compiled(tmp_path, "int other(void) { return 1; }")
    with pytest.raises(Unavailable) as caught:
        open_library("cpu", path)
    assert str(caught.value) == f"`{path}` is no library of synth's: it has no `synth_sru_abi`"


@needs_compiler
def test_another_version_is_refused(tmp_path: Path) -> None:
    path = compiled(tmp_path, f"int32_t synth_sru_abi(void) {{ return {ABI + 1}; }}")
    with pytest.raises(Unavailable) as caught:
        open_library("cpu", path)
    assert str(caught.value) == f"`{path}` has interface {ABI + 1}, this version needs {ABI}"


@needs_compiler
def test_another_layout_is_refused(tmp_path: Path) -> None:
    """The same version with a structure of another size: its fields would be read askew."""
    exports = "".join(
        f"{kind} {name}(void) {{ return {value}; }}\n"
        for kind, name, value in (
            ("int32_t", "synth_sru_abi", ABI),
            ("int64_t", "synth_sru_problem_bytes", 8),
            ("int64_t", "synth_sru_checkpoint_every", 16),
            ("const char *", "synth_sru_target", '"any"'),
            ("int32_t", "synth_sru_forward", 0),
            ("int32_t", "synth_sru_backward", 0),
        )
    )
    path = compiled(tmp_path, exports)
    with pytest.raises(Unavailable) as caught:
        open_library("cpu", path)
    size = ctypes.sizeof(Problem)
    assert str(caught.value) == f"`{path}` takes 8 bytes a call, this version gives {size}"


@needs_compiler
def test_a_library_cut_short_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = [place.folder for place in places.places() if place.report and place.report.cpu.is_built]
    if not built:
        pytest.skip("no native kernel was built")
    monkeypatch.setenv("SYNTH_KERNELS_DIR", str(tmp_path))
    for file in (report.FILE, places.FILES["cpu"]):
        shutil.copy(built[0] / file, tmp_path / file)
    path = tmp_path / places.FILES["cpu"]
    check_whole("cpu", path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(
        Unavailable, match=r"is damaged, or not the library that `built\.json` beside it names"
    ):
        check_whole("cpu", path)


def test_a_folder_without_a_report_has_no_library(tmp_path: Path) -> None:
    path = tmp_path / places.FILES["cpu"]
    path.write_bytes(b"")
    with pytest.raises(Unavailable, match="is damaged"):
        check_whole("cpu", path)


def test_statuses_have_words() -> None:
    explain = library.explainer(lambda status: f"error {status}".encode())
    assert explain(4) == "a tensor is missing" and explain(77) == "status 77"
    assert explain(1002) == "CUDA says: error 1002"
