"""A process of a real training that fails as `FAULT` says: `how number step`, the number being its rank.

Started by `tests.ranks.command` as `synthcli.cli.rank` is: `python -m tests.ranks.rank DESCRIPTOR WORDS...`.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from synthcli.cli import rank
from synthcli.training.trainer import Trainer

GPU_IS_FULL = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.11 GiB of which "
    "1.20 GiB is free."
)


def main() -> None:
    """Note that it has begun, and train until its fault."""
    folder, own = Path(os.environ["FAULT_FOLDER"]), int(os.environ["RANK"])
    (folder / f"rank-{own}-{os.getpid()}").touch()
    how, number, step = os.environ["FAULT"].split()
    if how == "at-once" and own == int(number):
        rank.run = lambda: fail(folder)
    elif how != "kill":
        run, act = rank.run, ACTS[how] if own == int(number) else OTHERS.get(how)
        rank.run = lambda: run_until(run, int(step), act, folder)
    rank.run_rank()


def run_until(run: Callable[[], int], step: int, act: Callable[[Path], None] | None, folder: Path) -> int:
    """Train, and act in the midst of a step."""

    loss = Trainer.loss

    def acting(self: Trainer, *what: Any) -> Any:
        if self.step == 1:
            (folder / f"trains-{os.environ['RANK']}").touch()
        if self.step == step and act is not None:
            act(folder)
        return loss(self, *what)

    Trainer.loss = acting  # type: ignore[method-assign]
    return run()


def stamp(folder: Path) -> None:
    """Note when the fault is."""
    (folder / "fault").write_text(str(time.time()))


def fail(folder: Path) -> NoReturn:
    stamp(folder)
    raise RuntimeError("a fault of ours")


def run_out_of_memory(folder: Path) -> None:
    import torch

    stamp(folder)
    raise torch.OutOfMemoryError(GPU_IS_FULL)


def take_too_much(folder: Path) -> None:
    """Ask for what no machine has: torch's own error of the processor."""
    import torch

    stamp(folder)
    torch.empty(2**50)


def leave(folder: Path) -> None:
    stamp(folder)
    os._exit(3)


def be_killed(folder: Path) -> None:
    stamp(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def block(folder: Path) -> None:
    """Wait within C for what never comes, as for an all-reduce of a GPU: no handler of Python's is called."""
    libc = ctypes.CDLL(None)
    mutex = ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


ACTS: dict[str, Callable[[Path], None]] = {
    "midst": fail,
    "memory-of-gpu": run_out_of_memory,
    "memory": take_too_much,
    "leaves": leave,
    "killed": be_killed,
    "others-blocked": be_killed,
}
OTHERS: dict[str, Callable[[Path], None]] = {"others-blocked": block}

if __name__ == "__main__":
    main()
