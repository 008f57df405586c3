"""What commands take before and beside their work: processor seconds, and multiples of `import torch`.

Run: `python benchmarks/start_up.py [--rounds 5] [-- doctor "presets ls"]`. Nothing else should run; each
figure is a median. A first round, which is not counted, compiles modules to bytecode in a folder of its own,
as a user's first call does, whatever the environment says of bytecode.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TORCH = "import torch"
COMMANDS = (
    "--help",
    "train --help",
    "train wmt14-dens",
    "train wmt14-dense --set trainin.steps=5",
    "presets ls",
    "presets show wmt14-dense",
    "plan wmt14-dense",
    "plan wmt14-dense --set model.d_model=256",
    "doctor",
    "eval accuracy --limit 4",
)
RUN = "train wmt14-dense --scale smoke --set training.steps=2"  # what is evaluated


def command_of(words: str) -> list[str]:
    return (
        [sys.executable, "-c", TORCH]
        if words == TORCH
        else [sys.executable, "-m", "synthcli", *words.split()]
    )


def environment(folder: str) -> dict[str, str]:
    """Return the variables of a command whose modules' bytecode is kept in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode"))}


def processor_seconds(words: str, folder: str) -> float:
    """Run a command in a folder, and return the seconds of user and system it took."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command_of(words), cwd=folder, env=environment(folder), **quiet)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", default=COMMANDS)
    asked = parser.parse_args()
    taken: dict[str, list[float]] = {words: [] for words in (TORCH, *asked.commands)}
    with tempfile.TemporaryDirectory() as folder:
        processor_seconds(RUN, folder)
        for _ in range(asked.rounds + 1):
            for words, seconds in taken.items():
                seconds.append(processor_seconds(words, folder))
    medians = {words: statistics.median(seconds[1:]) for words, seconds in taken.items()}
    base = medians[TORCH]
    for words, median in medians.items():
        print(f"{words:45} {median:6.2f} s {median / base:6.2f} × import torch {median - base:+6.2f} s")


if __name__ == "__main__":
    main()
