"""Lists of modules that know what they hold."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from torch import nn

M = TypeVar("M", bound=nn.Module)

if TYPE_CHECKING:

    class ListOf(nn.ModuleList, Generic[M]):
        """A list of modules of one class."""

        def __iter__(self) -> Iterator[M]: ...

        @overload
        def __getitem__(self, idx: slice) -> "ListOf[M]": ...
        @overload
        def __getitem__(self, idx: int) -> M: ...
        def __getitem__(self, idx: int | slice) -> "M | ListOf[M]": ...


def list_of(modules: Iterable[M]) -> "ListOf[M]":
    """Return torch's own list, which holds any module, under a type that says of which class they are."""
    return nn.ModuleList(modules)  # type: ignore[return-value]  # the type alone says more than torch's
