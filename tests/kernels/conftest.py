"""Compilers that are small scripts, and sources small enough for a real one."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
