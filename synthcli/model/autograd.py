"""What torch hands from the forward of a function with a gradient of its own to its backward."""

from typing import Protocol

from torch import Tensor


class FunctionContext(Protocol):
    """The first argument of `forward` and `backward`; a None that was saved is None again.

    A function that keeps more than tensors says so in a protocol of its own.
    """

    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...
