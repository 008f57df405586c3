"""What shapes and names of tensors tell of a model whose configuration was never saved."""

import re
from collections.abc import Mapping

from torch import Tensor

from synthcli.errors import SynthError, did_you_mean
from synthcli.importers.base import Request


def rows(tensors: Mapping[str, Tensor], name: str, what: str) -> int:
    """Return the length of a tensor's first axis."""
    return shape(tensors, name, what)[0]


def columns(tensors: Mapping[str, Tensor], name: str, what: str) -> int:
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


def count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many layers there are: numbers that the group of `pattern` takes, from 0 on."""
    found = {int(match[1]) for name in tensors if (match := re.match(pattern, name))}
    if found != set(range(len(found))):
        missing = min(set(range(len(found) + 1)) - found)
        raise SynthError(f"the weights lack layer {missing}", "the file is incomplete: fetch it anew")
    return len(found)


def whole_part(whole: int, part: int, what: str) -> int:
    """Return how often a width goes into another, which it must do wholly."""
    if not part or whole % part:
        raise SynthError(
            f"{what}: {whole} does not divide by {part}", "the weights do not belong to one model"
        )
    return whole // part


def known_options(request: Request, known: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the options of a request; one that the origin does not have is refused by name."""
    for key in request.options:
        if key not in known:
            raise SynthError(f"unknown option `{key}` of `--from {origin}`", did_you_mean(key, known))
    return dict(request.options)


def wanted(key: str, why: str, examples: str) -> SynthError:
    """Return the error of something that no tensor shows."""
    return SynthError(f"no weight shows `{key}`: {why}", f"say it: {examples}")


def one_heads(request: Request) -> int | None:
    """Return the one number of heads that was given, if any."""
    if len(set(request.heads)) > 1:
        shown = ",".join(map(str, request.heads))
        raise SynthError(f"`--heads {shown}` names several, and every layer has the same here", "name one")
    return request.heads[0] if request.heads else None
