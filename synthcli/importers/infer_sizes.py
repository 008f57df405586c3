"""What shapes and names of tensors tell of a model whose configuration was never saved."""

import re
from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError


def rows(tensors: Mapping[str, Tensor], name: str, what: str) -> int:
    """Return the length of a tensor's first axis."""
    return shape(tensors, name, what)[0]


def count_columns(tensors: Mapping[str, Tensor], name: str, what: str) -> int:
    """Return the length of a matrix's second axis."""
    found = shape(tensors, name, what)
    if len(found) < 2:
        raise SynthError(f"`{name}` has {len(found)} axes, a matrix has 2", f"is it a checkpoint of {what}?")
    return found[1]


def shape(tensors: Mapping[str, Tensor], name: str, what: str) -> tuple[int, ...]:
    if name not in tensors:
        raise SynthError(f"the weights lack `{name}`", f"is it a checkpoint of {what}?")
    if not tensors[name].ndim:
        raise SynthError(f"`{name}` is a single number", f"is it a checkpoint of {what}?")
    return tuple(tensors[name].shape)


def count_layers(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many layers there are: numbers that the group of `pattern` takes, from 0 on."""
    found = {int(match[1]) for name in tensors if (match := re.match(pattern, name))}
    if found != set(range(len(found))):
        missing = min(set(range(len(found) + 1)) - found)
        raise SynthError(f"the weights lack layer {missing}", "the file is incomplete: fetch it anew")
    return len(found)


def divide_exactly(whole: int, part: int, what: str) -> int:
    """Return how often a width goes into another, which it must do wholly."""
    if not part or whole % part:
        raise SynthError(
            f"{what}: {whole} does not divide by {part}", "the weights do not belong to one model"
        )
    return whole // part
