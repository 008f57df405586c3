"""A form: a module of positional tensors, and what these are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthcli.interop.export.leaving import Leaving

BATCH, LENGTH, SOURCE, PAST = "batch", "length", "source_length", "past_length"
EXAMPLE = {BATCH: 2, LENGTH: 5, SOURCE: 6, PAST: 3}  # sizes that programs are traced at, none of them special


@dataclass(frozen=True)
class Port:
    """An input: its name, an example, and which of its axes are free under which name.

    `initial` is what stands there before the first position: "empty", without positions, or "zeros".
    """

    name: str
    example: Tensor
    axes: Mapping[int, str]
    initial: str | None = None


@dataclass(frozen=True)
class Form:
    """One program of a model: the file's name, the module, its inputs in order and its outputs' names.

    `longest` bounds free axes, where tables end.
    """

    name: str
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    longest: Mapping[str, int] = field(default_factory=dict)


def tokens_port(name: str, leaving: Leaving, *axes: str) -> Port:
    """Return an input of token ids."""
    shape = [EXAMPLE.get(axis, 3) for axis in axes]
    example = torch.randint(0, leaving.config.vocab_size, shape, generator=torch.Generator().manual_seed(0))
    return Port(name, example, dict(enumerate(axes)))


def mask_port(name: str, *axes: str) -> Port:
    """Return a mask as Hugging Face has it: 1 at tokens, 0 at padding."""
    example = torch.ones([EXAMPLE.get(axis, 3) for axis in axes], dtype=torch.long)
    example[-1, ..., -1] = 0
    return Port(name, example, dict(enumerate(axes)))
