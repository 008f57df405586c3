"""What a training ran on."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from typing import Any

RECORDED = ("synthcli", "torch", "accelerate", "datasets", "tokenizers", "sentencepiece", "numpy")


def environment() -> dict[str, Any]:
    """Return what a training runs on, as far as it is known without torch."""
    versions = {}
    for name in RECORDED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    machine = {"platform": platform.platform(), "processors": os.cpu_count()}
    return {"time": now(), "python": platform.python_version(), **machine, "versions": versions}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
