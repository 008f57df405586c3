"""Operations on a decoding state as a whole."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


def select_state(state: T, index: Tensor) -> T:
    """Return the state with batch rows `index`, in that order; a row may be taken more than once."""
    return _map_rows(state, index)


def _map_rows(part: Any, index: Tensor) -> Any:
    if isinstance(part, Tensor):
        return part.index_select(0, index)
    if isinstance(part, tuple):
        return tuple(_map_rows(item, index) for item in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: _map_rows(getattr(part, f.name), index) for f in fields(part)})
    return part
