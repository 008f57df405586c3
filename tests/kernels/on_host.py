"""`sru_cuda.cu` compiled for this host: `kernels/cuda_on_host.h` stands for CUDA and for its driver."""

import shutil
import subprocess
from pathlib import Path

import pytest

KERNELS = Path(__file__).parents[2] / "kernels"
FLAGS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC")


def compile_on_host(path: Path, *flags: str) -> Path:
    """Compile the CUDA source into a library at a path; skip where there is no compiler."""
    compiler = next((c for c in ("g++", "clang++", "c++") if shutil.which(c)), None)
    if compiler is None:
        pytest.skip("no C++ compiler to compile the CUDA source for the host")
    shim = ["-x", "c++", "-include", str(KERNELS / "cuda_on_host.h")]
    command = [compiler, *FLAGS, *flags, *shim, str(KERNELS / "sru_cuda.cu"), "-o", str(path)]
    subprocess.run(command, check=True)
    return path
