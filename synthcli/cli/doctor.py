"""`synth doctor`: what this machine offers and what the toolkit found."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from synthcli import __version__
from synthcli.cli import kernels, screen

LIBRARIES = ("torch", "accelerate", "datasets", "tokenizers", "sentencepiece", "sacrebleu", "rouge-score")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions, processor, accelerator and the folders in use."""
    from synthcli.jobs.machine import kernel_warning, status_of_kernels

    found = collect_diagnosis()
    warning = kernel_warning(status_of_kernels())
    if as_json:
        return screen.data(json.dumps(found, indent=2))
    rows = [[key, str(value)] for key, value in found.items() if not isinstance(value, dict)]
    rows += [[f"kernels: {kind}", line] for kind, line in kernel_lines().items()]
    rows += [[name, _version_of(name)] for name in LIBRARIES]
    screen.table(None, ["", ""], rows)
    if warning:
        screen.warn(warning)
    return None


def collect_diagnosis() -> dict[str, object]:
    """Collect what a bug report should hold."""
    from synthcli.data.store.origin import stores_root
    from synthcli.jobs.machine import driver, look, status_of_kernels
    from synthcli.runs import runs_root

    machine = look()
    return {
        "synth": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": f"{os.cpu_count()} cores, {machine.capability}",
        "accelerator": machine.accelerator,
        "GPUs": machine.gpus,
        "device": machine.device,
        "driver": driver(),
        "CUDA": machine.cuda,
        "NCCL": machine.nccl,
        "bf16": machine.bf16,
        "stores": str(stores_root()),
        "runs": str(runs_root()),
        "kernels": kernels.kernels_to_json(status_of_kernels()),
        "libraries": {name: _version_of(name) for name in LIBRARIES},
    }


def kernel_lines() -> dict[str, str]:
    """Say of each native library how it was built and whether it is in use."""
    from synthcli.jobs.machine import status_of_kernels

    return {
        kind: f"built: {kernels.describe_build(found)}; in use: {kernels.in_use(found, reason)}"
        for kind, (found, reason) in status_of_kernels().items()
    }


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
