"""The parts of the check, in the order in which they are worth knowing; each runs in a process of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gpu.record import Row

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bench:
    """Where a part works. On a processor sizes are small: it is a rehearsal."""

    device: "torch.device"
    folder: Path  # of this part, empty

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def word(self) -> str:
        """The device as `--device` takes it."""
        return str(self.device)


Work = Callable[[Bench], Iterator[Row]]


@dataclass(frozen=True)
class Part:
    """`seconds` are planned for one GPU, not measured; what takes `PATIENCE` times as long is ended."""

    name: str
    finds: str
    seconds: int
    is_bare: bool = False  # needs no library beside torch, numpy, pydantic and jaxtyping

    def work(self) -> Work:
        """Return the function of the part's module that does it."""
        found: Work = import_module(f"benchmarks.gpu.{self.name}").run
        return found


PATIENCE = 4
PARTS = {
    part.name: part
    for part in (
        Part("checks", "the kernels' numbers, in every type, option, size and stream", 45, is_bare=True),
        Part("kernels", "the kernels' speed, beside a copy, with few columns, in a layer", 30, is_bare=True),
        Part(
            "attention", "SRU++'s wide head: torch's choice of a kernel beside two others", 10, is_bare=True
        ),
        Part("commands", "`synth doctor` and `synth kernels test`", 25),
        Part("steps", "a training step of every task: losses beside the processor's, in every format", 60),
        Part("paper", "steps of the papers' sizes: time, memory, how busy the GPU is, with what", 75),
        Part("resume", "a training that goes on: its bits, and its time before and after", 40),
        Part("kills", "trainings killed at random moments: bits", 50),
        Part("deterministic", "what `training.deterministic` costs, and whether torch refuses anything", 50),
        Part("verbs", "evaluation, beams and writing beside the processor's", 50),
        Part("students", "a block distilled, layers merged, the whole healed", 40),
        Part("limits", "more processes than GPUs, and the end of memory", 45),
    )
}


def choose(only: str | None) -> list[Part]:
    """Return the parts named, in their order, or all; raise KeyError for one that is none."""
    if only is None:
        return list(PARTS.values())
    wanted = {PARTS[name.strip()].name for name in only.split(",")}
    return [part for part in PARTS.values() if part.name in wanted]
