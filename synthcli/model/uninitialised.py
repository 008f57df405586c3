"""Models whose parameters nobody fills: on the meta device drawing numbers is the larger part of building."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

DRAWING: frozenset[Any] = frozenset(
    (init.kaiming_uniform_, init.normal_, init.uniform_, Tensor.normal_, Tensor.uniform_)
)
FILLING = DRAWING | {Tensor.fill_, Tensor.zero_}


class Uninitialised(TorchFunctionMode):
    """What fills a tensor in place, or is one of `functions`, returns it as it is."""

    def __init__(self, functions: frozenset[Any] = FILLING) -> None:
        super().__init__()
        self.functions = functions

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in self.functions:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))
