"""The folder of libraries when a build fails, is killed, or is not alone."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from synthcli.kernels import builder, install
from synthcli.kernels.places import FILES
from synthcli.kernels.report import BuildReport, LibraryPart, read_report
from tests.processes import end_within, wait_for

from .conftest import ANY, FAILS, WRITES, Compiler, built

# ---------------------------------------------------------------- the folder


def test_a_build_that_fails_leaves_the_libraries_of_the_same_sources(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    good = built(tmp_path / "out", sources, "cpu")
    compiler("g++", FAILS)
    assert builder.build_kernels(tmp_path / "out", "cpu", sources=sources).cpu.status == "failed"
    assert read_report(tmp_path / "out") == good
    assert (tmp_path / "out" / FILES["cpu"]).read_text() == "made by g++"


def test_a_build_that_fails_removes_the_libraries_of_other_sources(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    built(tmp_path / "out", sources, "cpu")
    compiler("g++", FAILS)
    (sources / "sru_cpu.cpp").write_text("something else")
    assert built(tmp_path / "out", sources, "cpu").cpu.status == "failed"


def test_a_folder_that_cannot_be_written_is_a_reason(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    (tmp_path / "file").write_text("no folder")
    target = tmp_path / "file" / "out"
    report = builder.build_kernels(target, "cpu", sources=sources)
    reason = f"`{target}` cannot be written: Not a directory"
    assert report.cpu == LibraryPart("failed", reason=reason)
    assert report.cuda == LibraryPart("off")


def test_a_disk_that_is_full_at_the_last_moment_is_a_reason(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(report: BuildReport) -> str:
        raise OSError(28, "No space left on device")

    compiler("g++", WRITES)
    monkeypatch.setattr(install, "as_text", full)
    report = builder.build_kernels(tmp_path / "out", "cpu", sources=sources)
    assert report.cpu.reason == f"`{tmp_path / 'out'}` cannot be written: No space left on device"
    assert read_report(tmp_path / "out") is None
    assert not list((tmp_path / "out").glob(install.UNFINISHED + "*"))


def test_nobody_else_may_write_what_was_built_whatever_the_umask(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    before = os.umask(0)
    try:
        built(tmp_path / "out", sources, "cpu")
    finally:
        os.umask(before)
    for path in (tmp_path / "out", tmp_path / "out" / FILES["cpu"], tmp_path / "out" / "built.json"):
        assert not path.stat().st_mode & 0o022


# ---------------------------------------------------------------- several builds, and killed ones


def start(target: Path, sources: Path) -> "subprocess.Popen[bytes]":
    code = (
        "import sys; from pathlib import Path; from synthcli.kernels import builder;"
        f"builder.TRIAL = {ANY!r};"
        "report = builder.build_kernels(Path(sys.argv[1]), 'cpu', sources=Path(sys.argv[2]), seconds=60);"
        "sys.exit(not report.cpu.is_built)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(target), str(sources)])


@pytest.mark.slow
def test_two_builds_at_once_do_not_meet(compiler: Compiler, tmp_path: Path, sources: Path) -> None:
    log = tmp_path / "log"
    meets = f"""
log = open({str(log)!r}, "a")
log.write("+" + output.parent.name + os.getcwd() + chr(10)); log.flush()
time.sleep(0.3)
{WRITES}
"""
    compiler("g++", meets)
    both = [start(tmp_path / "out", sources) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    folders = [line.rpartition("/")[2] for line in log.read_text().splitlines()]
    changes = sum(before != after for before, after in pairwise(folders))
    assert len(set(folders)) == 2 and changes == 1  # one after the other, each in a folder of its own
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(
        [install.LOCK, "built.json", FILES["cpu"]]
    )


def test_a_killed_build_leaves_the_last_one_whole_and_the_next_cleans_up(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path
) -> None:
    compiler("g++", WRITES)
    good = built(tmp_path / "out", sources, "cpu")
    begun = tmp_path / "begun"
    begun.mkdir()
    slow = f"os.fork()\nPath({str(begun)!r}, str(os.getpid())).touch()\ntime.sleep(100)\n"
    compiler("g++", slow + WRITES)
    process = start(tmp_path / "out", sources)
    wait_for(lambda: len(list(begun.iterdir())) >= 2, "no compiler has begun")
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert end_within((int(path.name) for path in begun.iterdir()), seconds=10) == []
    assert read_report(tmp_path / "out") == good
    assert len(list((tmp_path / "out").glob(install.UNFINISHED + "*"))) == 1
    compiler("g++", WRITES)
    assert built(tmp_path / "out", sources, "cpu").cpu.is_built


def test_killed_between_libraries_and_report_a_folder_of_other_sources_has_no_report(
    compiler: Compiler, no_trial: None, tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler("g++", WRITES)
    built(tmp_path / "out", sources, "cpu")
    (sources / "sru_cpu.cpp").write_text("something else")

    def killed(report: BuildReport) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(install, "as_text", killed)
    with pytest.raises(KeyboardInterrupt):
        builder.build_kernels(tmp_path / "out", "cpu", sources=sources)
    assert read_report(tmp_path / "out") is None
