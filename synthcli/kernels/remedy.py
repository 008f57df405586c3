"""What a user does to get native kernels, as commands for this machine."""

from synthcli.kernels.choice import VARIABLE
from synthcli.kernels.compilers import CompileError, NoCompilerError, find_cxx, find_nvcc
from synthcli.kernels.library import Kind, Unavailable, load_library

NVCC_PACKAGE = "nvidia-cuda-nvcc"


def remedy(kind: Kind) -> str:
    """Return how to get a library that runs here."""
    try:
        driver = load_library(kind).driver
    except Unavailable:
        driver = None
    return (driver.advice() if driver else "") or _to_build(kind)


def _to_build(kind: Kind) -> str:
    steps, command = [], "synth kernels build"
    if not _is_here("cpu"):
        steps.append("install a C++ compiler such as g++")
    if kind == "cuda" and not _is_here("cuda"):
        command = f"pip install {NVCC_PACKAGE} && {command}"
    return ", then ".join([*steps, f"`{command}`"])


def _is_here(kind: Kind) -> bool:
    """Whether there is a compiler for a library; one that a variable names wrongly is told by the build."""
    try:
        return bool(find_cxx() if kind == "cpu" else find_nvcc())
    except CompileError:
        return True
    except NoCompilerError:
        return False


def slow_on_gpu(reason: str) -> str:
    """Say that SRU runs on a GPU in plain torch, why, and what helps."""
    return (
        "SRU's recurrence runs on the GPU in plain torch, step after step and far slower than its "
        f"kernel: {reason}; to change that: {remedy('cuda')} (`{VARIABLE}=reference` asks for plain "
        "torch, and is not warned of)"
    )
