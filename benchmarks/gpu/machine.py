"""What a result was measured on."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]


def first_line(*command: str) -> str | None:
    """Return the first line a program prints, or None where it is absent or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=ROOT)
    except (OSError, subprocess.SubprocessError):
        return None
    return (done.stdout.strip().splitlines() or [None])[0]


def describe(device: torch.device) -> dict[str, Any]:
    """Return date, device, versions and commit."""
    is_cuda = device.type == "cuda"
    changed = first_line("git", "status", "--porcelain", "--untracked-files=no")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(device) if is_cuda else "cpu",
        "driver": first_line("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "commit": first_line("git", "rev-parse", "HEAD"),
        "changed_since_commit": None if changed is None else bool(changed),
    }


def slug(name: str) -> str:
    """Return a file's name for a device: `NVIDIA H200` is `nvidia-h200`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
