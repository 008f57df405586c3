"""What this machine offers, found without torch; where there may be a GPU, another process asks torch."""

import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from synthcli.kernels.choice import VARIABLE, mode
from synthcli.kernels.compilers import PROBE_SECONDS, CompileError, run
from synthcli.kernels.library import find_refusal
from synthcli.kernels.recipes import X86
from synthcli.kernels.remedy import slow_on_gpu
from synthcli.kernels.status import FoundLibrary, find_all

FLAGS = Path("/proc/cpuinfo")
# Where a system shows that there may be a GPU: drivers of NVIDIA, of AMD, of Windows below Linux, of boards.
SIGNS = tuple(map(Path, ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/nvhost-gpu")))
TORCH_SECONDS = 60.0  # for torch to load and look for its devices

# What torch takes a processor for, by the flags it must have  (`DispatchStub.cpp` of torch).
CAPABILITIES = {
    "AVX512": {"avx512vl", "avx512bw", "avx512dq", "fma"},
    "AVX2": {"avx2", "fma"},
    "NO AVX": set(),
}
BF16 = {"avx512_bf16", "amx_bf16"}

ASK_TORCH = """
import json, torch
from synthcli.device import describe_gpu, find_device, name_device
from synthcli.training.precision import has_bf16
has_gpu, notes = torch.cuda.is_available(), []
chosen = find_device("auto", notes.append)
facts = describe_gpu(torch.device("cuda", 0)) if has_gpu else {}
print(json.dumps({
    "capability": torch.backends.cpu.get_cpu_capability(),
    "accelerator": torch.cuda.get_device_name() if has_gpu else "none",
    "bf16": "yes" if has_bf16(torch.device("cuda" if has_gpu else "cpu")) else "no",
    "has_gpu": has_gpu,
    "device": "; ".join([name_device(chosen), *notes]),
    "gpus": facts.get("gpus", 0),
    "cuda": facts.get("cuda", torch.version.cuda or "none"),
    "nccl": facts.get("nccl", "none"),
}))
"""


@dataclass(frozen=True)
class Machine:
    """The vector instructions of the processor, the accelerator's name, whether bf16 is in hardware.

    `device` is where `--device auto` runs models, `gpus` how many there are; versions are those of torch.
    """

    capability: str
    accelerator: str
    bf16: str
    has_gpu: bool
    device: str = "cpu"
    gpus: int = 0
    cuda: str = "none"
    nccl: str = "none"


@cache
def look() -> Machine:
    """Return what torch finds here; it is not loaded where the processor's flags tell all of it."""
    flags = processor_flags()
    if flags is None or driver() != "none" or any(sign.exists() for sign in SIGNS):
        return ask_torch()
    capability = next(name for name, needed in CAPABILITIES.items() if needed <= flags)
    return Machine(capability, "none", "yes" if BF16 & flags else "no", has_gpu=False)


def processor_flags() -> set[str] | None:
    """Return what an x86 processor can do; None where nobody tells, or torch is told otherwise."""
    if platform.machine().lower() not in X86 or "ATEN_CPU_CAPABILITY" in os.environ:
        return None
    try:
        lines = FLAGS.read_text().splitlines()
    except OSError:
        return None
    return next((set(line.split()[2:]) for line in lines if line.startswith("flags")), None)


def ask_torch() -> Machine:
    """Return what torch tells in a process of its own, which may fail or hang without harm."""
    try:
        said = run([[sys.executable, "-c", ASK_TORCH]], TORCH_SECONDS)[0]
        return Machine(**json.loads(said.splitlines()[-1]))
    except (CompileError, ValueError, IndexError) as error:
        return Machine("unknown", f"unknown: torch does not tell ({error})", "unknown", has_gpu=False)


@cache
def driver() -> str:
    """Return the GPUs that NVIDIA's driver lists, each with its version and compute capability, or `none`."""
    if not (program := shutil.which("nvidia-smi")):
        return "none"
    query = [program, "--query-gpu=driver_version,name,compute_cap", "--format=csv,noheader"]
    try:
        return "; ".join(run([query], PROBE_SECONDS)[0].splitlines()) or "none"
    except CompileError as error:
        return str(error)


def status_of_kernels() -> dict[str, tuple[FoundLibrary, str]]:
    """Return each library with why it is not in use; an empty text where it is."""
    return {kind: (found, why_not_used(found)) for kind, found in find_all().items()}


def why_not_used(found: FoundLibrary) -> str:
    """Tell why the recurrence does not go to a library, or nothing where it does."""
    if mode() == "reference":
        return f"`{VARIABLE}=reference`"
    if found.loads and found.kind == "cuda":
        return find_refusal("cuda") if look().has_gpu else "torch finds no GPU"
    return found.why_not


def kernel_warning(status: dict[str, tuple[FoundLibrary, str]]) -> str:
    """Return what to say where a GPU runs SRU without its kernel, and nobody asked for that; else nothing."""
    reason = status["cuda"][1]
    is_slow = reason and mode() != "reference" and look().has_gpu
    return slow_on_gpu(reason) if is_slow else ""
