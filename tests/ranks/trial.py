"""One training in several processes, one of which fails: how long the command lives on, and what it says."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.processes import end_within, wait_for
from tests.tiny_presets import TINY

ROOT = Path(__file__).parents[2]
FAULTS = (
    "at-once",
    "midst",
    "leaves",
    "kill",
    "killed",
    "memory",
    "memory-of-gpu",
    "others-blocked",
)
ENDLESS = TINY.replace("steps = 6", "steps = 1000000")
LAST_STEP = 12  # in which a fault may be: with checkpoints before it, and without
SECONDS, LONGEST = 10.0, 300.0  # until the command has to end; until a training has to begin
STARTING = 6.0  # seconds within which a process may be killed, trained or not


@dataclass(frozen=True)
class Ended:
    """How a command ended: seconds after the fault, what was wrong with that, and what it said."""

    seconds: float
    problems: tuple[str, ...]
    said: str


def prepare(folder: Path) -> None:
    """Write a preset that trains for hours; the first training prepares its store."""
    (folder / "tiny.toml").write_text(ENDLESS)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "FAULT_FOLDER": str(folder)} | more


def attempt(place: Path, fault: str, processes: int, chance: random.Random, limit: float = SECONDS) -> Ended:
    """Let a process chosen by chance fail in a step chosen by chance; `limit` is in seconds."""
    folder = place / "marks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    number, step = chance.randrange(processes), chance.randrange(1, LAST_STEP)
    words = ["train", "tiny.toml", "--processes", str(processes)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ranks.command", *words],
        cwd=place,
        env=environment(folder, FAULT=f"{fault} {number} {step}"),
        stderr=subprocess.PIPE,
        text=True,
    )
    if fault == "kill":
        kill(folder, number, chance.uniform(0, STARTING))
    try:
        _, said = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        return Ended(LONGEST, ("the command does not end",), process.communicate()[1])
    seconds = time.time() - float((folder / "fault").read_text())
    left = end_within(pids(folder), 2.0)
    problems = judge(fault, number, processes, process.returncode, said, left)
    late = [f"{seconds:.1f} seconds"] if seconds > limit else []
    return Ended(seconds, (*late, *problems), said)


def kill(folder: Path, number: int, delay: float) -> None:
    """Kill a process from outside, some time after it has begun."""
    wait_for(lambda: list(folder.glob(f"rank-{number}-*")), "it has not begun")
    time.sleep(delay)
    (folder / "fault").write_text(str(time.time()))
    (pid,) = (int(path.name.split("-")[2]) for path in folder.glob(f"rank-{number}-*"))
    os.kill(pid, signal.SIGKILL)


def pids(folder: Path) -> list[int]:
    return [int(path.name.split("-")[2]) for path in folder.glob("rank-*")]


def judge(fault: str, number: int, processes: int, code: int, said: str, left: list[int]) -> Iterator[str]:
    """Yield what is not as it has to be."""
    if left:
        yield f"processes {left} live on"
    named = rf"process {number} of {processes} \(pid \d+\)"
    expected = MESSAGES[fault].format(named=named)
    messages = len(re.findall(r"^error:|^Traceback", said, re.MULTILINE))
    if not re.search(expected, said, re.MULTILINE) or messages > 1:
        yield f"{messages} messages, none of them `{expected}`"
    if code != 1:
        yield f"code {code}"


KILLED = r"^error: {named} was killed by signal 9 \(SIGKILL\)"
FAULT_OF_OURS = r"^RuntimeError: a fault of ours"
MESSAGES = {
    "at-once": FAULT_OF_OURS,
    "midst": FAULT_OF_OURS,
    "leaves": r"^error: {named} ended with code 3 and said nothing",
    "kill": KILLED,
    "killed": KILLED,
    "others-blocked": KILLED,
    "memory": r"^error: {named}: there is not enough memory: 4\.5 PB more were asked for",
    "memory-of-gpu": r"^error: {named}: there is not enough memory on GPU 1: 2\.00 GiB more",
}
