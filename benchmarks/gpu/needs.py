"""Libraries that the check needs beside torch, from a folder of wheels where there is no network."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

NEEDED = ("torch", "numpy", "pydantic", "jaxtyping")
LOCAL = ("pydantic", "jaxtyping")  # what `make gpu-wheels` downloads


def missing() -> list[str]:
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def install_from(wheels: Path) -> str | None:
    """Make what is needed importable; return what to do where that fails."""
    lacking = missing()
    if not lacking:
        return None
    how = f"missing: {', '.join(lacking)}; `pip install {' '.join(lacking)}`"
    if not set(lacking) <= set(LOCAL) or not wheels.is_dir():
        return f"{how}, or `make gpu-wheels` where there is a network, and copy `{wheels.name}/` here"
    target = tempfile.mkdtemp(prefix="gpu-check-")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir"]
    command = [*pip, "--find-links", str(wheels), "--target", target, *lacking]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.path.append(target)
    importlib.invalidate_caches()
    if done.returncode or missing():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"{how}; `{wheels.name}/` did not help: {last}"
    return None
