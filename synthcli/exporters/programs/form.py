"""A form: a module of positional tensors, and what these are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthcli.exporters.export_bundle import ExportBundle

BATCH, LENGTH, SOURCE, PAST = "batch", "length", "source_length", "past_length"
OTHERS = 3  # the size of axes that a model has no limit for


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

    `about` says what it is for; `longest` bounds free axes, where tables end.
    """

    name: str
    about: str
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    longest: Mapping[str, int] = field(default_factory=dict)


def get_traced_sizes(bundle: ExportBundle) -> dict[str, int]:
    """Return the sizes that programs are traced at, none of them special.

    Lengths are above the root of the longest: the factors of a factorized score are more than one.
    """
    source, target = bundle.config.max_source_length, bundle.config.max_target_length
    lengths = {LENGTH: target or source, SOURCE: source}
    traced = {axis: min(limit, math.isqrt(limit) + 3) for axis, limit in lengths.items() if limit}
    return {BATCH: 2, PAST: OTHERS, **traced}


def tokens_port(name: str, bundle: ExportBundle, *axes: str) -> Port:
    """Return an input of token ids."""
    shape = get_traced_shape(bundle, axes)
    example = torch.randint(0, bundle.config.vocab_size, shape, generator=torch.Generator().manual_seed(0))
    return Port(name, example, dict(enumerate(axes)))


def mask_port(name: str, bundle: ExportBundle, *axes: str) -> Port:
    """Return a mask as Hugging Face has it: 1 at tokens, 0 at padding."""
    example = torch.ones(get_traced_shape(bundle, axes), dtype=torch.long)
    example[-1, ..., -1] = 0
    return Port(name, example, dict(enumerate(axes)))


def get_traced_shape(bundle: ExportBundle, axes: tuple[str, ...]) -> list[int]:
    sizes = get_traced_sizes(bundle)
    return [sizes.get(axis, OTHERS) for axis in axes]
