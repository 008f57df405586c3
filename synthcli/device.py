"""The device that models run on: `auto`, `cpu`, `cuda` or `cuda:N`, chosen once for a command.

Whoever runs a model asks `current_device`, and moves the model there; batches follow their model.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.errors import SynthError
from synthcli.progress import Say, say_nothing

if TYPE_CHECKING:
    import torch
    from torch import nn

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
WORDS = (AUTO, CPU, CUDA)
VISIBLE, LAUNCHERS = "CUDA_VISIBLE_DEVICES", "ACCELERATE_USE_CPU"
INSTEAD = "leave `--device` out: models run on the processor"
DRIVER = tuple(map(Path, ("/sys/module/nvidia/version", "/proc/driver/nvidia/version")))


@dataclass(frozen=True)
class DeviceChoice:
    """The word of a user; the device is found when it is first needed, and a GPU is said then."""

    word: str
    say: Say

    @cached_property
    def device(self) -> "torch.device":
        device = find_device(self.word, self.say)
        if device.type == CUDA:
            self.say(f"device: {name_device(device)}")
        return device


_choice: ContextVar[DeviceChoice | None] = ContextVar("device", default=None)


@contextmanager
def on_device(word: str, say: Say = say_nothing) -> Iterator[None]:
    """Run models on a device for as long as this lasts; `say` is told of a GPU, once.

    Raises SynthError for a word that is no device, and for a GPU that is not there or cannot be used.
    """
    refuse_unknown(word)
    choice = DeviceChoice(word, say)
    if word.startswith(CUDA):
        _ = choice.device  # a mistake is told before any work
    before = _choice.set(choice)
    try:
        yield
    finally:
        _choice.reset(before)


def current_device() -> "torch.device":
    """Return where models run: what was chosen, else a GPU if there is one."""
    choice = _choice.get()
    return find_device(AUTO) if choice is None else choice.device


def device_of(model: "nn.Module") -> "torch.device":
    """Return where a model is: that of its first parameter or buffer, the processor where it has none."""
    import torch

    first = next(chain(model.parameters(), model.buffers()), None)  # all of them are many
    return torch.device(CPU) if first is None else first.device


def chosen_word() -> str:
    """Return what was asked for: `auto` where nobody asked."""
    choice = _choice.get()
    return AUTO if choice is None else choice.word


def count_processes() -> int:
    """Return the number of processes that a launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def device_words() -> list[str]:
    """Return the option as it was given, for a command that goes on: nothing where it was not."""
    word = chosen_word()
    return [] if word == AUTO else ["--device", word]


def refuse_unknown(word: str) -> None:
    """Raise for a word that names no device."""
    if word not in WORDS and not re.fullmatch(r"cuda:\d{1,3}", word):
        hint = "`auto`, `cpu`, `cuda`, or one GPU by its number: `cuda:0`"
        raise SynthError(f"`--device {word}` is no device", hint)


def refuse_one_of_several(word: str, processes: int) -> None:
    """Raise where several processes would share the one GPU that is named."""
    if processes > 1 and ":" in word:
        message = f"`--device {word}` is one GPU, and {processes} processes take one each"
        raise SynthError(message, f"`--device cuda`; `{VISIBLE}` says which GPUs there are to take")


def refuse_few_gpus(processes: int, say: Say = say_nothing) -> None:
    """Raise where not each of several processes would have a GPU that this torch can use.

    `say` is told where theirs differ: a step takes as long as on the slowest of them.
    """
    import torch

    word = chosen_word()
    if processes == 1 or word == CPU or (word == AUTO and _asks_for_cpu()) or not torch.cuda.is_available():
        return
    count = torch.cuda.device_count()
    if processes > count:
        there = "there is one GPU" if count == 1 else f"there are {count} GPUs"
        fewer = "leave it out" if count == 1 else f"`--processes {count}`"
        hint = f"{fewer}, or add `--device cpu`; `{VISIBLE}` says which GPUs there are to take"
        raise SynthError(f"`--processes {processes}` takes a GPU each, and {there}", hint)
    devices = [torch.device(CUDA, index) for index in range(processes)]
    problems = [problem for problem in map(_misfit, devices) if problem is not None]
    if problems and not (word == AUTO and len(problems) == count):  # then all models run on the processor
        hint = f"leave that GPU out of `{VISIBLE}`, or add `--device cpu`"
        raise SynthError(f"`--processes {processes}`: {problems[0]}", hint)
    if len({_kind_of(device) for device in devices}) > 1:
        names = ", ".join(f"{device} {_kind_of(device)}" for device in devices)
        say(f"note: the GPUs differ ({names}): the slowest sets the pace, and each has to hold its share")


def _kind_of(device: "torch.device") -> str:
    """Return what a GPU is, and how much memory it has."""
    import torch

    found = torch.cuda.get_device_properties(device)
    return f"{found.name}, {found.total_memory / 1e9:.0f} GB"


def find_device(word: str, say: Say = say_nothing) -> "torch.device":
    """Return the device a word means here; of a launcher's processes each has a GPU of its own.

    `auto` passes over a GPU that this torch cannot use, and says so.
    """
    import torch

    if word == CPU or (word == AUTO and (_asks_for_cpu() or not torch.cuda.is_available())):
        return torch.device(CPU)
    refuse_one_of_several(word, count_processes())
    if word != AUTO and _asks_for_cpu():
        message = f"`--device {word}` is a GPU, and `{LAUNCHERS}` asks for the processor"
        raise SynthError(message, f"unset `{LAUNCHERS}`, or leave `--device` out")
    if not torch.cuda.is_available():
        raise SynthError(f"`--device {word}`: {_why_no_gpu()}", INSTEAD)
    if word == AUTO:
        return _first_that_fits(say)
    count, (_, _, number) = torch.cuda.device_count(), word.partition(":")
    device = torch.device(CUDA, int(number)) if number else _own_gpu()
    if device.index >= count:
        there = "the only GPU is `cuda:0`" if count == 1 else f"GPUs are `cuda:0` to `cuda:{count - 1}`"
        raise SynthError(f"`--device {word}` is not there: torch finds {count}", there)
    if (problem := _misfit(device)) is not None:
        raise SynthError(f"`--device {word}`: {problem}", f"install a torch that is, or {INSTEAD}")
    return device


def _own_gpu() -> "torch.device":
    """Return the GPU of this one of a launcher's processes, the first of a single process."""
    import torch

    return torch.device(CUDA, int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def _first_that_fits(say: Say) -> "torch.device":
    """Return the first GPU that this torch can use, the processor where it can use none."""
    import torch

    every = [torch.device(CUDA, index) for index in range(torch.cuda.device_count())]
    for device in every if count_processes() == 1 else [_own_gpu()]:
        problem = _misfit(device)
        if problem is None:
            return device
        say(f"warning: {problem}")
    return torch.device(CPU)


def _asks_for_cpu() -> bool:
    """Whether a launcher of accelerate's wants no GPU to be used."""
    return os.environ.get(LAUNCHERS, "").lower() in ("1", "true", "yes")


def _why_no_gpu() -> str:
    """Return why torch finds no GPU."""
    import torch

    if not torch.backends.cuda.is_built():
        return f"this torch, {torch.__version__}, is built without CUDA"
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        return f"torch finds no GPU: `{VISIBLE}` is `{visible}`"
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        return f"torch finds no GPU: {str(error).strip().partition(chr(10))[0]}"
    return "torch finds no GPU"


def _misfit(device: "torch.device") -> str | None:
    """Return why this torch cannot use a GPU that is there, or None."""
    import torch

    capability, built_for = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if torch.version.hip is not None or runs_on(capability, built_for):
        return None
    kind = f"{name_device(device)}, of compute capability {capability[0]}.{capability[1]}"
    return f"this torch is not built for {kind}, but for {', '.join(built_for)}"


def runs_on(capability: tuple[int, int], built_for: Sequence[str]) -> bool:
    """Whether a GPU runs something of `sm_80`, `compute_90`, …

    Machine code is for its generation, from its own capability on, and with an `a` for that alone; what is
    left to the driver to compile, `compute_…`, is for all later ones.
    """
    for kind, number, only in re.findall(r"(sm|compute)_(\d+)(a?)", " ".join(built_for)):
        own = divmod(int(number), 10)
        is_known = own == capability if only else own <= capability
        if is_known and (kind == "compute" or own[0] == capability[0]):
            return True
    return False


def name_device(device: "torch.device") -> str:
    """Return `cuda:0 NVIDIA H200`, or `cpu`."""
    import torch

    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == CUDA else str(device)


def describe_gpu(device: "torch.device") -> dict[str, object]:
    """Return what figures of a GPU depend on: the card, how many there are, driver, CUDA and NCCL.

    Of processors it is empty; what cannot be told is left out.
    """
    import torch

    if device.type != CUDA:
        return {}
    facts: dict[str, object] = {
        "gpu": torch.cuda.get_device_name(device),
        "gpus": torch.cuda.device_count(),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        "driver": driver_version(),
        "cuda": torch.version.cuda or torch.version.hip,
        "nccl": nccl_version(),
    }
    return {key: value for key, value in facts.items() if value is not None}


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, as the system says it."""
    for path in DRIVER:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if found := re.search(r"\d+\.\d+(\.\d+)*", text):
            return found[0]
    return None


def nccl_version() -> str | None:
    """Return the version of NCCL that torch was built with."""
    import torch

    if not torch.distributed.is_available() or not torch.distributed.is_nccl_available():
        return None
    return ".".join(map(str, torch.cuda.nccl.version()))
