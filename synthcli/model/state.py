"""Operations on a state as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

import torch
from torch import Tensor

T = TypeVar("T")


def select_state(state: T, index: Tensor) -> T:
    """Return the state with batch rows `index`, in that order; a row may be taken more than once."""
    return map_state(state, lambda tensor: tensor.index_select(0, index))


def detach_state(state: T) -> T:
    """Return the state cut off from what made it: no gradient crosses."""
    return map_state(state, Tensor.detach)


def flatten_state(state: object, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a state by dotted path, numbers as tensors of one element."""
    if isinstance(state, Tensor):
        return {prefix: state}
    if isinstance(state, int):
        return {prefix: torch.tensor(state)}
    tensors: dict[str, Tensor] = {}
    for name, part in _parts(state):
        tensors |= flatten_state(part, f"{prefix}.{name}" if prefix else name)
    return tensors


def unflatten_state(template: T, tensors: Mapping[str, Tensor], prefix: str = "") -> T:
    """Return a state of the template's form, such as an initial one, with what `flatten_state` returned."""
    return cast(
        T, _fill_template(template, tensors, prefix)
    )  # a part for each of the template's, of its class


def _fill_template(template: object, tensors: Mapping[str, Tensor], prefix: str) -> object:
    parts = {
        name: _fill_template(part, tensors, f"{prefix}.{name}" if prefix else name)
        for name, part in _parts(template)
    }
    if isinstance(template, tuple):
        return tuple(parts.values())
    if is_dataclass(template) and not isinstance(template, type):
        return replace(template, **parts)
    found = tensors.get(prefix)
    return int(found) if isinstance(template, int) and found is not None else found


def _parts(state: object) -> list[tuple[str, object]]:
    """Return what a state is made of, by name or number."""
    if isinstance(state, tuple):
        return [(str(number), part) for number, part in enumerate(state)]
    if is_dataclass(state) and not isinstance(state, type):
        return [(field.name, getattr(state, field.name)) for field in fields(state)]
    return []


def map_state(state: T, change: Callable[[Tensor], Tensor]) -> T:
    """Return the state with every tensor changed."""
    return cast(T, _map_tensors(state, change))  # the same classes, part by part


def _map_tensors(part: object, change: Callable[[Tensor], Tensor]) -> object:
    if isinstance(part, Tensor):
        return change(part)
    if isinstance(part, tuple):
        return tuple(_map_tensors(item, change) for item in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: _map_tensors(getattr(part, f.name), change) for f in fields(part)})
    return part
