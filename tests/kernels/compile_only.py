"""Registers and spills of every CUDA kernel, as ptxas reports them; needs nvcc, no GPU.

python -m tests.kernels.compile_only        prints the table of kernels/README.md (a minute and a half)
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = (80, 90, 100, 120)
KERNELS = Path(__file__).parents[2] / "kernels"
TYPES = {"f": "float32", "d": "float64", "NS_4bf16E": "bfloat16", "NS_3f16E": "float16"}
KERNEL = re.compile(r"(forward|backward)I([fd]|NS_4bf16E|NS_3f16E)Lb([01])ELb([01])ELb([01])EE")


@dataclass(frozen=True, order=True)
class Usage:
    """What one kernel takes of a thread: registers, and bytes of them put away in memory."""

    kernel: str
    dtype: str
    skips: bool
    is_masked: bool
    has_few_columns: bool
    registers: int
    spilled: int


def nvcc() -> str | None:
    """Return the path of nvcc, or None where it or the compiler that it calls is missing."""
    if shutil.which("gcc") is None:
        return None
    usual = Path("/usr/local/cuda/bin/nvcc")
    return shutil.which("nvcc") or (str(usual) if usual.exists() else None)


def compile_for(compiler: str, architecture: int) -> list[Usage]:
    """Compile all kernels for one architecture as the build does, and return what each takes."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["-std=c++17", "-O3", "-Werror", "all-warnings", "-Xptxas", "-v", "-cubin"]
        code = ["-gencode", f"arch=compute_{architecture},code=sm_{architecture}"]
        command = [compiler, *flags, *code, str(KERNELS / "sru_cuda.cu"), "-o", f"{folder}/kernels.cubin"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return parse(done.stdout + done.stderr)


def parse(report: str) -> list[Usage]:
    """Read ptxas' report: one block for each kernel."""
    usages = []
    for block in report.split("Compiling entry function")[1:]:
        kernel, letters, *flags = KERNEL.search(block).groups()  # type: ignore[union-attr]
        spilled = sum(int(n) for n in re.findall(r"(\d+) bytes spill", block))
        registers = int(re.search(r"Used (\d+) registers", block)[1])  # type: ignore[index]
        usages.append(Usage(kernel, TYPES[letters], *(flag == "1" for flag in flags), registers, spilled))
    return sorted(usages)


def table(by_architecture: dict[int, list[Usage]]) -> str:
    """Return registers by kernel and architecture; spilled bytes stand beside where there are any."""
    heads = " | ".join(f"sm_{architecture}" for architecture in by_architecture)
    first = ("kernel", "numbers", "skips", "masks", "few columns")
    lines = [f"| {' | '.join(first)} | {heads} |", "|---" * (len(first) + len(by_architecture)) + "|"]
    for row in zip(*by_architecture.values(), strict=True):
        cells = " | ".join(f"{u.registers}" + (f" + {u.spilled} B" if u.spilled else "") for u in row)
        one = row[0]
        options = ["yes" if flag else "" for flag in (one.skips, one.is_masked, one.has_few_columns)]
        lines.append(f"| {' | '.join([one.kernel, one.dtype, *options])} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    found = nvcc()
    if found is None:
        raise SystemExit("no nvcc on the path, nor in /usr/local/cuda")
    print(table({a: compile_for(found, a) for a in ARCHITECTURES}))  # noqa: T201
