"""Functions whose result `torch.compile` takes for a constant of the program."""

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


def assume_constant_result(function: Function) -> Function:
    """Mark a function as `torch.compiler.assume_constant_result` does, without importing the compiler.

    torch's own imports all of `torch._dynamo`, as long again as `import torch`, to set this one attribute.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]  # a mark of torch._dynamo's own
    return function
