"""Functions whose result `torch.compile` takes for a constant of the program."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def assume_constant_result(function: Function) -> Function:
    """Mark a function as `torch.compiler.assume_constant_result` does, without importing the compiler.

    torch's own imports all of `torch._dynamo`, as long again as `import torch`, to set this one attribute.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
