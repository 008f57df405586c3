"""How each library is compiled: flags, instruction sets of processors, architectures of GPUs."""

import platform
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.kernels.compilers import PROBE_SECONDS, CompileError, run
from synthcli.kernels.places import FILES

X86 = ("x86_64", "amd64")
INSTRUCTION_SETS = {  # chosen among when the library runs
    "baseline": (),
    "avx2": ("-mavx2", "-mfma", "-mf16c"),
    "avx512": (
        "-mavx512f",
        "-mavx512bw",
        "-mavx512dq",
        "-mavx512vl",
        "-mfma",
        "-mprefer-vector-width=512",
    ),
}
CXX_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-pthread")
NUMBER_FLAGS = ("-fno-math-errno", "-fno-trapping-math")
NVCC_FLAGS = ("-std=c++17", "-O3", "-shared", "-cudart", "static", "--threads", "0")
NVCC_HOST_FLAGS = "-fPIC,-fvisibility=hidden,-Wall,-Wextra"
ARCHITECTURES = (80, 90, 100, 120)  # where there is no GPU to ask
ALL_MAJOR = "all-major"  # nvcc's own word


def instruction_sets() -> tuple[str, ...]:
    """Return what the library for processors is compiled for on this machine."""
    return tuple(INSTRUCTION_SETS) if platform.machine().lower() in X86 else ("baseline",)


def cpu_objects(cxx: Sequence[str], sources: Path) -> list[list[str]]:
    """Return the commands that compile the objects, to be run where the objects shall be."""
    targets = instruction_sets()
    only = ["-DSRU_ONLY_BASELINE"] if targets == ("baseline",) else []
    loops, dispatch = str(sources / "sru_cpu.cpp"), str(sources / "sru_cpu_dispatch.cpp")
    common = [*cxx, *CXX_FLAGS, *NUMBER_FLAGS, "-c"]
    return [
        [*common, f"-DSRU_ISA={target}", *INSTRUCTION_SETS[target], loops, "-o", f"{target}.o"]
        for target in targets
    ] + [[*common, *only, dispatch, "-o", "dispatch.o"]]


def cpu_link(cxx: Sequence[str]) -> list[str]:
    """Return the command that links the objects.

    The C++ library is the system's, as it is torch's: a copy inside would need as new a system as this one.
    """
    objects = [f"{name}.o" for name in (*instruction_sets(), "dispatch")]
    return [*cxx, "-shared", "-pthread", "-o", FILES["cpu"], *objects]


def cuda_library(nvcc: Sequence[str], sources: Path, architectures: Sequence[str]) -> list[str]:
    """Return the command that compiles the library for CUDA; nvcc chooses its host compiler."""
    codes = [f"-gencode=arch=compute_{one.partition('_')[2]},code={one}" for one in architectures]
    flags = [*NVCC_FLAGS, "-Xcompiler", NVCC_HOST_FLAGS, *codes]
    return [*nvcc, *flags, str(sources / "sru_cuda.cu"), "-o", FILES["cuda"]]


def parse_architectures(text: str) -> list[str]:
    """Read `80;90` as `sm_80`, `sm_90`; `all-major` stays a word, since nvcc knows what that is."""
    if text.strip() == ALL_MAJOR:
        return [ALL_MAJOR]
    names = [name for name in re.split(r"[;,\s]+", text) if name]
    for name in names:
        if not re.fullmatch(r"\d{2,3}[af]?", name):
            hint = "numbers as in `80;90`, ten times the compute capability, or `all-major`"
            raise SynthError(f"`{name}` is no CUDA architecture", hint)
    return [f"sm_{name}" for name in names]


def default_architectures(known: Sequence[int], present: Sequence[int]) -> list[str]:
    """Return the GPUs here, else the usual ones; and code for later GPUs if nvcc knows none of the newest."""
    wanted = sorted(set(present)) or list(ARCHITECTURES)
    newest = max(known)
    codes = [f"sm_{one}" for one in wanted if one in known]
    if not present or max(wanted) > newest:
        codes.append(f"compute_{newest}")
    if not codes:
        raise CompileError(f"nvcc compiles for {min(known)} to {newest}, and the GPU here is {max(wanted)}")
    return codes


def major_architectures(known: Sequence[int]) -> list[str]:
    """Return the first of each generation, which all of it runs, the oldest, and code for later ones."""
    codes = [f"sm_{one}" for one in sorted(known) if one % 10 == 0 or one == min(known)]
    return [*codes, f"compute_{max(known)}"]


def list_architectures(nvcc: Sequence[str], seconds: float) -> list[int]:
    """Return the architectures that an nvcc compiles for."""
    said = run([[*nvcc, "--list-gpu-arch"]], min(seconds, PROBE_SECONDS))[0]
    known = [int(number) for number in re.findall(r"compute_(\d+)\s", said + "\n")]
    if not known:
        raise CompileError("`nvcc --list-gpu-arch` names no architecture")
    return known


def present_architectures() -> list[int]:
    """Return the architectures of the GPUs here; none where nobody can tell."""
    if not (program := shutil.which("nvidia-smi")):
        return []
    query = [program, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        return [
            int(whole + part) for whole, part in re.findall(r"(\d+)\.(\d)", run([query], PROBE_SECONDS)[0])
        ]
    except CompileError:
        return []
