"""Models whose parameters nobody fills: on the meta device drawing numbers is the larger part of building."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

FILLING: frozenset[Any] = frozenset(
    (
        init.kaiming_uniform_,
        init.normal_,
        init.uniform_,
        Tensor.fill_,
        Tensor.normal_,
        Tensor.uniform_,
        Tensor.zero_,
    )
)


class Uninitialised(TorchFunctionMode):
    """Whatever fills a tensor in place returns it as it is."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in FILLING:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))
