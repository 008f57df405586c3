"""Compile the native libraries, at install or later; nothing here needs more than the standard library.

A build works in a folder of its own beside the libraries and moves what it made into place at the end, the
report last. Whatever goes wrong is one line of that report; only mode `require` makes it an error.
"""

import hashlib
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthcli.errors import SynthError, WorkFailedError, did_you_mean
from synthcli.kernels import compilers, places, recipes
from synthcli.kernels.compilers import CompileError, NoCompilerError
from synthcli.kernels.install import install, workplace
from synthcli.kernels.places import FILES
from synthcli.kernels.report import BuildReport, LibraryPart

MODES = {"off": (), "cpu": ("cpu",), "auto": ("cpu", "cuda"), "require": ("cpu", "cuda")}
SECONDS = 300.0  # for each compilation; those that are required may take longer, on a busy machine
PATIENT_SECONDS = 1800.0

# Run by another process: a library that crashes when it is loaded shall not crash the build.
TRIAL = """
import ctypes, sys
found, wanted = ctypes.CDLL(sys.argv[1]).synth_sru_abi(), int(sys.argv[2])
sys.exit(found != wanted and f"its interface is version {found}, not {wanted}")
"""


@dataclass(frozen=True)
class Bench:
    """What a library is built from, where, and how long a compilation may take."""

    work: Path
    sources: Path
    abi: int
    architectures: str
    seconds: float


def check_mode(mode: str, key: str) -> str:
    """Return a mode that exists."""
    if mode not in MODES:
        raise SynthError(f"`{key}` is `{mode}`", did_you_mean(mode, MODES))
    return mode


def mode_of_environment() -> str:
    """Return `SYNTH_BUILD_KERNELS`, or `auto`."""
    return check_mode(os.environ.get("SYNTH_BUILD_KERNELS") or "auto", "SYNTH_BUILD_KERNELS")


def build_kernels(
    target: Path,
    mode: str,
    *,
    sources: Path | None = None,
    architectures: str | None = None,
    seconds: float | None = None,
) -> BuildReport:
    """Build what a mode asks for into a folder; return what happened to each library."""
    sources = (sources or places.sources()).resolve()
    architectures = os.environ.get("SYNTH_CUDA_ARCHITECTURES", "") if architectures is None else architectures
    seconds = seconds or (PATIENT_SECONDS if mode == "require" else SECONDS)
    report = BuildReport(
        places.interface_version(sources),
        places.hash_sources(sources),
        LibraryPart("off"),
        LibraryPart("off"),
    )
    try:
        with workplace(target.absolute()) as work:
            bench = Bench(work, sources, report.abi, architectures, seconds)
            report = report.but({kind: try_compile(kind, bench) for kind in MODES[mode]})
            install(work, target, report)
    except OSError as error:
        failed = LibraryPart("failed", reason=f"`{target}` cannot be written: {error.strerror or error}")
        report = report.but(dict.fromkeys(MODES[mode], failed))
    if mode == "require":
        insist(report)
    return report


def insist(report: BuildReport) -> None:
    """Raise an error unless the CPU library was built, and that for CUDA where there is an nvcc."""
    wanted = {"cpu": not report.cpu.is_built, "cuda": report.cuda.status == "failed"}
    reasons = [f"{kind}: {report.parts[kind].reason}" for kind, is_missing in wanted.items() if is_missing]
    if reasons:
        hint = "mode `auto` goes on without; what a build needs: README, native kernels"
        raise WorkFailedError(f"native kernels could not be built: {'; '.join(reasons)}", hint)


def try_compile(kind: str, bench: Bench) -> LibraryPart:
    """Compile a library and load it once; a failure is told, not raised."""
    start = time.monotonic()
    part = LibraryPart("failed")
    try:
        command = FIND[kind]()
        part = replace(part, compiler=shlex.join(command))
        part = replace(part, version=compilers.version(command, bench.seconds))
        targets = COMPILE[kind](command, bench)
        try_loading(bench, FILES[kind], Path(command[0]).name)
        own = hashlib.sha256((bench.work / FILES[kind]).read_bytes()).hexdigest()
        part = replace(part, status="built", targets=targets, sha256=own)
    except NoCompilerError as error:
        part = replace(part, status="absent", reason=str(error))
    except (CompileError, SynthError) as error:
        part = replace(part, reason=str(error).replace("\n", "; "))
    return replace(part, seconds=round(time.monotonic() - start, 2))


def compile_cpu(cxx: Sequence[str], bench: Bench) -> tuple[str, ...]:
    """Compile the library for processors; return its instruction sets."""
    compilers.run(recipes.cpu_objects(cxx, bench.sources), bench.seconds, bench.work)
    compilers.run([recipes.cpu_link(cxx)], bench.seconds, bench.work)
    return recipes.instruction_sets()


def compile_cuda(nvcc: Sequence[str], bench: Bench) -> tuple[str, ...]:
    """Compile the library for CUDA; return its architectures."""
    codes = recipes.parse_architectures(bench.architectures)
    if codes in ([], [recipes.ALL_MAJOR]):
        known = recipes.list_architectures(nvcc, bench.seconds)
        default = recipes.default_architectures
        codes = (
            recipes.major_architectures(known) if codes else default(known, recipes.present_architectures())
        )
    command = recipes.cuda_library(nvcc, bench.sources, codes)
    compilers.run([command], bench.seconds, bench.work)
    return tuple(codes)


FIND = {"cpu": compilers.find_cxx, "cuda": compilers.find_nvcc}
COMPILE = {"cpu": compile_cpu, "cuda": compile_cuda}


def try_loading(bench: Bench, file: str, compiler: str) -> None:
    """Load a library in another process and ask for the version of its interface."""
    path = bench.work / file
    if not path.is_file():
        raise CompileError(f"`{compiler}` reported success and wrote no library")
    trial = [sys.executable, "-I", "-c", TRIAL, str(path), str(bench.abi)]
    try:
        compilers.run([trial], compilers.PROBE_SECONDS)
    except CompileError as error:
        reason = str(error).partition(": ")[2].replace(f"{path}: ", "")
        raise CompileError(f"the library does not load: {reason or error}") from error
