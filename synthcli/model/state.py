"""Operations on a state as a whole."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


def select_state(state: T, index: Tensor) -> T:
    """Return the state with batch rows `index`, in that order; a row may be taken more than once."""
    return map_state(state, lambda tensor: tensor.index_select(0, index))


def detach_state(state: T) -> T:
    """Return the state cut off from what made it: no gradient crosses."""
    return map_state(state, Tensor.detach)


def map_state(state: T, change: Callable[[Tensor], Tensor]) -> T:
    """Return the state with every tensor changed."""
    return _mapped(state, change)


def _mapped(part: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(part, Tensor):
        return change(part)
    if isinstance(part, tuple):
        return tuple(_mapped(item, change) for item in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: _mapped(getattr(part, f.name), change) for f in fields(part)})
    return part
