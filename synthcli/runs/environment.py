"""What a training ran on, and what was asked: nothing of it is a secret, nor where somebody's files lie.

Of the paths of this machine the command line alone is kept, as it was typed.
"""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import synthcli
from synthcli.device import CUDA, name_device

if TYPE_CHECKING:
    import torch

RECORDED = ("synthcli", "torch", "accelerate", "datasets", "tokenizers", "sentencepiece", "numpy")
RANK = "rank.py"  # one of several processes, which gets the command without their number
OURS = ("synth", "__main__.py", RANK)  # how this program is started
MADE_OF = ("synthcli", "presets", "kernels")  # what of a checkout a run depends on
LONGEST = 4_000  # characters of a command line
SECONDS = 5.0  # that git may take


def environment() -> dict[str, object]:
    """Return what a training runs on, as far as it is known without torch, and by which command."""
    versions = read_versions(RECORDED)
    machine = {"platform": platform.platform(), "processor": processor(), "processors": os.cpu_count()}
    asked = {"command": command_line(), "commit": commit(Path(synthcli.__file__).parents[1])}
    known = {key: value for key, value in asked.items() if value is not None}
    return {"time": now(), "python": platform.python_version(), **machine, "versions": versions, **known}


def read_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of packages; ours is that of the code at hand, installed or not."""
    versions = {}
    for name in names:
        try:
            own = synthcli.__version__ if name == synthcli.__name__ else None
            versions[name] = own or importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def command_line() -> str | None:
    """Return the command as it was typed; None where another program calls, a notebook say."""
    if Path(sys.argv[0]).name not in OURS:
        return None
    several = ["--processes", os.environ["WORLD_SIZE"]] if sys.argv[0].endswith(RANK) else []
    command = shlex.join(["synth", *sys.argv[1:], *several])
    return command if len(command) <= LONGEST else f"{command[:LONGEST]}…"


@cache
def commit(checkout: Path) -> str | None:
    """Return the commit of a checkout, with ` (dirty)` where its files differ; None where there is none."""
    if not (checkout / ".git").exists():
        return None
    head = _git(checkout, "rev-parse", "HEAD")
    if head is None:
        return None
    changes = _git(checkout, "status", "--porcelain", "--", *MADE_OF)
    return head if changes == "" else f"{head} (dirty)"


def _git(checkout: Path, *words: str) -> str | None:
    """Return what git says; None where it says nothing, or is not there."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(checkout), "--no-optional-locks", *words]
    try:
        done = subprocess.run(
            command,
            env=plain,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe_device(device: "torch.device") -> str:
    """Return what a figure was computed on: `cuda:0 NVIDIA H200`, `cpu Intel(R) Xeon(R) …`."""
    return name_device(device) if device.type == CUDA else f"{device} {processor()}"


@cache
def processor() -> str:
    """Return the kind of this machine's processors: `Intel(R) Xeon(R) …`, else `x86_64` or the like."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
