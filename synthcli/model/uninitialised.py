"""Models whose parameters nobody fills: on the meta device drawing numbers is the larger part of building."""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

DRAWING: frozenset[Callable[..., object]] = frozenset(
    (init.kaiming_uniform_, init.normal_, init.uniform_, Tensor.normal_, Tensor.uniform_)
)
FILLING: frozenset[Callable[..., object]] = DRAWING | {Tensor.fill_, Tensor.zero_}


class Uninitialised(TorchFunctionMode):
    """What fills a tensor in place, or is one of `functions`, returns it as it is."""

    def __init__(self, functions: frozenset[Callable[..., object]] = FILLING) -> None:
        super().__init__()
        self.functions = functions

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[Tensor, ...] = (),
        kwargs: Mapping[str, Tensor] | None = None,
    ) -> object:
        if func in self.functions:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))
