"""Compilers that are small scripts, and sources small enough for a real one."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcli.kernels import builder, install
from synthcli.kernels.places import FILES, hash_sources
from synthcli.kernels.report import BuildReport, read_report

VARIABLES = (
    "CXX",
    "NVCC",
    "CUDA_HOME",
    "SYNTH_CUDA_ARCHITECTURES",
    "SYNTH_BUILD_KERNELS",
    "SYNTH_KERNELS_DIR",
)
HEADER = "#define SYNTH_SRU_ABI 7\n"
LOOPS = """\
#include "sru_abi.h"
#define JOIN(a, b) a##b
#define NAME(isa) JOIN(loops_, isa)
int NAME(SRU_ISA)() { return SYNTH_SRU_ABI; }
"""
DISPATCH = """\
#include "sru_abi.h"
int loops_baseline();
extern "C" __attribute__((visibility("default"))) int synth_sru_abi() { return loops_baseline(); }
"""
WHOLE = 'extern "C" __attribute__((visibility("default"))) int synth_sru_abi() { return 7; }\n'

Compiler = Callable[[str, str], Path]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path; no compiler is anywhere else."""
    folder = tmp_path / "tools of mine"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("synthcli.kernels.compilers.NVCC_FOLDER", tmp_path / "nowhere")
    monkeypatch.setattr(
        "synthcli.kernels.compilers._folders_of_packages", lambda: [str(tmp_path / "packages")]
    )
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def compiler(tools: Path) -> Compiler:
    """Make a compiler: Python that has its arguments, its output's path and `links`."""

    def make(name: str, body: str) -> Path:
        script = tools / name
        script.write_text(f"#!{sys.executable} -I\n{PREAMBLE}\n{body}\n")
        script.chmod(0o755)
        return script

    return make


PREAMBLE = """\
import os, sys, time
from pathlib import Path
arguments = sys.argv[1:]
if "--version" in arguments:
    sys.exit(print("fake 1.0") and 0)
if "--list-gpu-arch" in arguments:
    sys.exit(print("compute_80\\ncompute_90\\ncompute_100\\ncompute_120\\ncompute_121") and 0)
output = Path(arguments[arguments.index("-o") + 1])
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Sources of a library that knows its version and nothing else."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "sru_abi.h").write_text(HEADER)
    (folder / "sru_cpu.cpp").write_text(LOOPS)
    (folder / "sru_cpu_dispatch.cpp").write_text(DISPATCH)
    (folder / "sru_cuda.cu").write_text(WHOLE)
    return folder


WRITES = "output.write_text('made by ' + Path(sys.argv[0]).name)"
FAILS = (
    "sys.exit(print('x.cpp: In function f:\\nx.cpp:3:1: error: no such luck\\nx.cpp:9: error: later') or 1)"
)
ANY = "open(__import__('sys').argv[1]).read()"  # instead of loading what is no library

SECONDS = 30.0


@pytest.fixture
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake compilers write text: do not load it."""
    monkeypatch.setattr(builder, "TRIAL", ANY)


def built(target: Path, sources: Path, mode: str = "auto", **settings: float | str) -> BuildReport:
    """Build; what is returned is what the folder says, and nothing unfinished is left."""
    report = builder.build_kernels(target, mode, sources=sources, **{"seconds": SECONDS, **settings})
    assert read_report(target) == report
    assert not list(target.glob(install.UNFINISHED + "*"))
    there = {kind: (target / file).is_file() for kind, file in FILES.items()}
    assert there == {kind: part.is_built for kind, part in report.parts.items()}
    assert report.abi == 7 and report.sources == hash_sources(sources)
    return report
