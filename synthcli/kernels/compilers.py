"""Compilers of this machine: which there are, and running them with a time limit."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthcli.children import Children

CXX = ("g++", "clang++", "c++")
NVCC_FOLDER = Path("/usr/local/cuda/bin")
PROBE_SECONDS = 20.0  # for a compiler to tell its version
LONGEST_REASON = 300


class CompileError(Exception):
    """A compiler could not do its work; the message is one line."""


class NoCompilerError(Exception):
    """There is no such compiler here; the message is one line."""


def find_cxx() -> list[str]:
    """Return the command of the C++ compiler: `CXX`, else the first that is on the path."""
    if os.environ.get("CXX", "").strip():
        return _chosen("CXX")
    for name in CXX:
        if path := shutil.which(name):
            return [path]
    raise NoCompilerError(f"no C++ compiler: none of {', '.join(f'`{name}`' for name in CXX)} is on PATH")


def find_nvcc() -> list[str]:
    """Return the command of nvcc: `NVCC`, of `CUDA_HOME`, on the path, the usual one, of a Python package."""
    if os.environ.get("NVCC", "").strip():
        return _chosen("NVCC")
    home = os.environ.get("CUDA_HOME")
    own = [f"{home}/bin/nvcc", "nvcc"] if home else ["nvcc", str(NVCC_FOLDER / "nvcc")]
    for path in map(shutil.which, [*own, *_nvcc_of_packages()]):
        if path:
            return [path]
    raise NoCompilerError(
        "no CUDA compiler: `nvcc` is neither on PATH, nor in `CUDA_HOME`, nor a package here"
    )


def _nvcc_of_packages() -> list[str]:
    """Return each nvcc of a Python package: `nvidia/cu13/bin/nvcc` and the like, the newest first."""
    found = {
        path: None for folder in _folders_of_packages() for path in Path(folder).glob("nvidia/*/bin/nvcc")
    }
    return [str(path) for path in sorted(found, key=_number_of_cuda, reverse=True)]


def _folders_of_packages() -> list[str]:
    """Return this Python's folders, which a build in isolation does not have in `sys.path`, and that."""
    return [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *filter(None, sys.path)]


def _number_of_cuda(nvcc: Path) -> int:
    """Return 13 of `nvidia/cu13/bin/nvcc`, 0 of `nvidia/cuda_nvcc/bin/nvcc`."""
    number = nvcc.parents[1].name.removeprefix("cu")
    return int(number) if number.isdigit() else 0


def _chosen(variable: str) -> list[str]:
    """Return the command that a variable names; it is never replaced by another."""
    try:
        command = shlex.split(os.environ[variable])
    except ValueError as error:
        raise CompileError(f"`{variable}` is `{os.environ[variable]}`: {error}".lower()) from error
    path = shutil.which(command[0]) if command else None
    if path is None:
        raise CompileError(f"`{variable}` is `{os.environ[variable]}`, and there is no such program")
    return [path, *command[1:]]


def version(command: Sequence[str], seconds: float) -> str:
    """Return the line in which a compiler tells its version."""
    said = run([[*command, "--version"]], min(seconds, PROBE_SECONDS))[0]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if "release" in line), lines[0] if lines else "")


@dataclass
class _Started:
    """A command that runs."""

    command: Sequence[str]
    process: subprocess.Popen[bytes]

    def finish(self, deadline: float, seconds: float) -> str:
        name = f"`{Path(self.command[0]).name}`"
        try:
            output, _ = self.process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise CompileError(f"{name} did not finish within {seconds:g} seconds") from None
        text = output.decode(errors="replace")
        if self.process.returncode:
            raise CompileError(f"{name}: {first_error(text) or _describe_exit(self.process.returncode)}")
        return text


def run(commands: Sequence[Sequence[str]], seconds: float, cwd: Path | None = None) -> list[str]:
    """Run commands at the same time, each within a limit; return what they print, raise CompileError."""
    deadline = time.monotonic() + seconds
    with Children() as children:  # ends with all that a compiler starts
        started = [_Started(command, _start(command, cwd, children)) for command in commands]
        return [one.finish(deadline, seconds) for one in started]


def _start(command: Sequence[str], cwd: Path | None, children: Children) -> subprocess.Popen[bytes]:
    own = {"LC_ALL": "C"}  # errors in the words that first_error knows
    if cwd is not None:
        own["TMPDIR"] = str(cwd)  # what a killed compiler leaves goes with the folder
    try:
        return children.start(
            command,
            cwd=cwd,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise CompileError(f"`{command[0]}` does not start: {error.strerror}") from error


def first_error(output: str) -> str:
    """Return the line that says what went wrong: the first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|fatal)\b", line, re.IGNORECASE)]
    return (errors[0] if errors else lines[-1] if lines else "")[:LONGEST_REASON]


def _describe_exit(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"exit status {code}"
