"""Libraries that the check needs beside torch, from a folder of wheels where there is no network.

pip decides what has to be installed, beside what is there already; it goes into a folder that only the check
looks into.
"""

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARE = ("torch", "numpy", "pydantic", "jaxtyping")  # of the kernels alone
TORCH = "torch"


def requirements() -> list[str]:
    """Return what the package depends on, as `pyproject.toml` says it."""
    found: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return found


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def missing(wanted: Iterable[str]) -> list[str]:
    """Return those that are not installed, whatever their version."""
    return [one for one in wanted if not is_here(name_of(one))]


def is_here(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def install_from(wheels: Path, target: Path, wanted: Iterable[str]) -> str | None:
    """Make what is needed importable, from a folder of wheels; return what to do where that fails."""
    wanted = list(wanted)
    see(target)
    if not (lacking := missing(wanted)):
        return None
    how = f"missing: {', '.join(map(name_of, lacking))}; `pip install {' '.join(map(name_of, lacking))}`"
    if TORCH in map(name_of, lacking) or not wheels.is_dir():
        return f"{how}, or `make gpu-wheels` where there is a network, and copy `{wheels.name}/` here"
    problem = install(wheels, target, lacking)
    see(target)
    if problem is None and (still := missing(wanted)):
        problem = f"{', '.join(map(name_of, still))} was not found afterwards"
    return None if problem is None else f"{how}; `{wheels.name}/` did not help: {problem}"


def see(target: Path) -> None:
    """Have Python look into a folder before its own: there may be newer versions."""
    if target.is_dir() and str(target) not in sys.path:
        sys.path.insert(0, str(target))
    importlib.invalidate_caches()


def install(wheels: Path, target: Path, lacking: list[str]) -> str | None:
    """Install what is lacking, and what that needs, beside what is there; return why it failed, or None."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir"]
    pip += ["--disable-pip-version-check", "--find-links", str(wheels)]
    asked = subprocess.run(
        [*pip, "--dry-run", "--report", "-", *lacking], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return last_line(asked.stderr)
    found = (one["metadata"] for one in json.loads(asked.stdout)["install"])
    chosen = [f"{one['name']}=={one['version']}" for one in found]
    done = subprocess.run(
        [*pip, "--no-deps", "--target", str(target), *chosen], capture_output=True, text=True, check=False
    )
    return last_line(done.stderr) if done.returncode else None


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
