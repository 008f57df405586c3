"""Where the number of operations is what an operation costs."""

import torch
from torch import Tensor


def counts_launches(x: Tensor) -> bool:
    """True on a device that is sent every operation, as a GPU is: forms of few operations run there.

    A processor keeps the forms whose bits earlier runs have; a compiler joins operations by itself.
    """
    return x.device.type not in ("cpu", "meta") and not torch.compiler.is_compiling()


def product(x: Tensor, y: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x y, of the shape of x, in a type that need not be theirs; no copy unless differentiated."""
    if torch.is_grad_enabled():
        return (x * y).to(dtype)
    return torch.mul(x, y, out=torch.empty_like(x, dtype=dtype))
