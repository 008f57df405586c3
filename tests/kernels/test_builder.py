"""Builds with compilers that are missing, broken, slow or dishonest, and with a real one."""

import json
import os
import time
from pathlib import Path

import pytest

from synthcli.errors import SynthError, WorkFailedError
from synthcli.kernels import builder, compilers
from synthcli.kernels.compilers import NoCompilerError

from .conftest import FAILS, SECONDS, VARIABLES, WRITES, Compiler, built

# ---------------------------------------------------------------- compilers that do not do their work


def test_without_any_compiler_both_libraries_are_absent(tools: Path, tmp_path: Path, sources: Path) -> None:
    report = built(tmp_path / "out", sources)
    assert (report.cpu.status, report.cuda.status) == ("absent", "absent")
    assert report.cpu.reason == "no C++ compiler: none of `g++`, `clang++`, `c++` is on PATH"
    assert (
        report.cuda.reason
        == "no CUDA compiler: `nvcc` is neither on PATH, nor in `CUDA_HOME`, nor a package here"
    )


def test_a_compiler_that_fails_is_reported_by_its_first_error(
    compiler: Compiler, tmp_path: Path, sources: Path
) -> None:
    path = compiler("g++", FAILS)
    report = built(tmp_path / "out", sources)
    assert report.cpu.status == "failed"
    assert report.cpu.reason == "`g++`: x.cpp:3:1: error: no such luck"
    assert (report.cpu.compiler, report.cpu.version) == (f"'{path}'", "fake 1.0")
    assert report.cpu.targets == ()


@pytest.mark.slow
def test_a_compiler_that_hangs_ends_with_what_it_started(
    compiler: Compiler, tmp_path: Path, sources: Path
) -> None:
    pid = tmp_path / "pid"
    hangs = f"if not os.fork(): Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(100)"
    compiler("g++", hangs)
    start = time.monotonic()
    report = built(tmp_path / "out", sources, seconds=1.0)
    assert time.monotonic() - start < SECONDS
    assert (report.cpu.status, report.cpu.reason) == ("failed", "`g++` did not finish within 1 seconds")
    assert has_ended(int(pid.read_text()))


@pytest.mark.slow
def test_a_compiler_whose_child_keeps_its_output_open_is_not_waited_for(
    compiler: Compiler, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", f"if os.fork():\n    {WRITES}\nelse:\n    time.sleep(100)")
    report = built(tmp_path / "out", sources, seconds=1.0)
    assert report.cpu.reason == "`g++` did not finish within 1 seconds"


def test_what_a_compiler_leaves_goes_with_the_folder_of_the_build(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", f"assert os.environ['TMPDIR'] == os.getcwd()\n{WRITES}")
    assert built(tmp_path / "out", sources).cpu.is_built


def test_a_broken_nvcc_leaves_the_other_library(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    compiler("nvcc", "").write_text("#!/nowhere/sh\n")
    report = built(tmp_path / "out", sources)
    assert report.cpu.is_built
    assert report.cuda.status == "failed"
    assert report.cuda.reason.endswith("nvcc` does not start: No such file or directory")


def test_an_nvcc_that_writes_nothing_has_failed(compiler: Compiler, tmp_path: Path, sources: Path) -> None:
    compiler("nvcc", "print('fine')")
    report = built(tmp_path / "out", sources)
    assert (report.cuda.status, report.cuda.version) == ("failed", "fake 1.0")
    assert report.cuda.reason == "`nvcc` reported success and wrote no library"


def test_a_compiler_that_dies_is_reported_by_its_signal(
    compiler: Compiler, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", "os.kill(os.getpid(), 9)")
    assert built(tmp_path / "out", sources).cpu.reason == "`g++`: ended by signal 9"


def test_a_file_that_is_no_library_is_not_installed(
    compiler: Compiler, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    reason = built(tmp_path / "out", sources).cpu.reason
    assert reason.startswith("the library does not load: ") and str(tmp_path) not in reason


def test_a_chosen_compiler_is_never_replaced(
    compiler: Compiler, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler("g++", WRITES)
    monkeypatch.setenv("CXX", "icpx -fast")
    report = built(tmp_path / "out", sources)
    reason = "`CXX` is `icpx -fast`, and there is no such program"
    assert (report.cpu.status, report.cpu.reason) == ("failed", reason)


def test_arguments_of_a_chosen_compiler_are_kept(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compiler("mine", "assert arguments[0] == '-special'\n" + WRITES)
    monkeypatch.setenv("CXX", f"'{path}' -special")
    assert built(tmp_path / "out", sources).cpu.compiler == f"'{path}' -special"


def test_nvcc_of_a_package_is_found_last_and_the_newest_first(
    compiler: Compiler, tools: Path, tmp_path: Path
) -> None:
    """`nvidia-cuda-nvcc` lies in `nvidia/cu13`; that of CUDA 12, in `nvidia/cuda_nvcc`, has no nvcc in it."""
    packages = tmp_path / "packages" / "nvidia"
    (packages / "cuda_nvcc" / "bin").mkdir(parents=True)
    compiler("ptxas", "").rename(packages / "cuda_nvcc" / "bin" / "ptxas")
    with pytest.raises(NoCompilerError):
        compilers.find_nvcc()
    for name in ("cu13", "cu9", "cu14"):
        (packages / name / "bin").mkdir(parents=True)
        compiler("other", "").rename(packages / name / "bin" / "nvcc")
    assert compilers.find_nvcc() == [str(packages / "cu14" / "bin" / "nvcc")]
    compiler("nvcc", "")
    assert compilers.find_nvcc() == [str(tools / "nvcc")]


def test_packages_are_looked_for_where_this_python_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build in isolation has other folders in `sys.path`."""
    monkeypatch.setattr("sys.path", ["", "/isolated"])
    monkeypatch.setattr("sysconfig.get_path", lambda name: f"/own/{name}")
    assert compilers._folders_of_packages() == ["/own/purelib", "/own/platlib", "/isolated"]


def test_nvcc_of_cuda_home_comes_before_the_one_on_the_path(
    compiler: Compiler, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler("nvcc", FAILS)
    home = tmp_path / "cuda"
    (home / "bin").mkdir(parents=True)
    own = compiler("other", "").rename(home / "bin" / "nvcc")
    monkeypatch.setenv("CUDA_HOME", str(home))
    assert compilers.find_nvcc() == [str(own)]


# ---------------------------------------------------------------- modes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        ("off", ("off", "off")),
        ("cpu", ("built", "off")),
        ("auto", ("built", "built")),
        ("require", ("built", "built")),
    ],
)
def test_a_mode_says_what_is_built(
    mode: str, statuses: tuple[str, str], compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    compiler("nvcc", WRITES)
    report = built(tmp_path / "out", sources, mode)
    assert (report.cpu.status, report.cuda.status) == statuses


def test_require_goes_on_without_nvcc_but_not_with_a_broken_one(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    assert built(tmp_path / "out", sources, "require").cuda.status == "absent"
    compiler("nvcc", FAILS)
    with pytest.raises(WorkFailedError) as error:
        built(tmp_path / "out", sources, "require")
    reason = "cuda: `nvcc`: x.cpp:3:1: error: no such luck"
    assert error.value.message == f"native kernels could not be built: {reason}"


def test_all_major_architectures_are_what_nvcc_knows(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("nvcc", f"Path({str(tmp_path / 'asked')!r}).write_text(' '.join(arguments))\n{WRITES}")
    targets = built(tmp_path / "out", sources, architectures="all-major").cuda.targets
    assert targets == ("sm_80", "sm_90", "sm_100", "sm_120", "compute_121")
    asked = (tmp_path / "asked").read_text()
    assert all(f"code={one} " in asked for one in targets)


@pytest.mark.slow
def test_a_build_that_is_required_waits_longer(
    compiler: Compiler, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine compiles the wheels' library for many minutes."""
    monkeypatch.setattr(builder, "SECONDS", 0.5)
    compiler("g++", f"time.sleep(1.0)\n{FAILS}")
    assert builder.build_kernels(tmp_path / "out", "cpu", sources=sources).cpu.reason.endswith(
        "within 0.5 seconds"
    )
    with pytest.raises(WorkFailedError, match="no such luck"):
        builder.build_kernels(tmp_path / "out", "require", sources=sources)


def test_require_without_a_compiler_is_an_error(tools: Path, tmp_path: Path, sources: Path) -> None:
    with pytest.raises(WorkFailedError, match="could not be built: cpu: no C\\+\\+ compiler"):
        builder.build_kernels(tmp_path / "out", "require", sources=sources)


def test_a_mode_of_the_environment_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_BUILD_KERNELS", "requires")
    with pytest.raises(SynthError) as error:
        builder.mode_of_environment()
    assert str(error.value) == "`SYNTH_BUILD_KERNELS` is `requires`\nhint: did you mean `require`?"
    monkeypatch.setenv("SYNTH_BUILD_KERNELS", "")
    assert builder.mode_of_environment() == "auto"


# ---------------------------------------------------------------- a real compiler


def test_this_machine_builds_what_it_can_in_paths_with_spaces(
    tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    moved = sources.rename(tmp_path / "my sources")
    report = built(tmp_path / "my own folder", moved, "cpu")
    try:
        compilers.find_cxx()
    except compilers.NoCompilerError:
        assert report.cpu.status == "absent"
        return
    assert report.cpu.is_built, report.cpu.reason
    assert "baseline" in report.cpu.targets and report.cpu.version
    entry = json.loads((tmp_path / "my own folder" / "built.json").read_text())["cpu"]
    assert entry["targets"] == list(report.cpu.targets)
    (moved / "sru_abi.h").write_text(
        "#define SYNTH_SRU_ABI 8\n#undef SYNTH_SRU_ABI\n#define SYNTH_SRU_ABI 7\n"
    )
    other = builder.build_kernels(tmp_path / "my own folder", "cpu", sources=moved)
    assert other.cpu.reason == "the library does not load: its interface is version 7, not 8"


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or dead and not yet collected."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
