"""Forward and backward of the recurrence beside the bytes they have to move.

A scalar of u, x̃ and h has s bytes, a state 4; a state is stored every L steps. Forward reads u (3 of them)
and x̃, and writes h: 5 s + 4/L an element. Backward reads u, x̃ and the gradient of h and writes those of u and
x̃: 9 s + 4/L. The fraction of bandwidth is these bytes in the time measured, over what a copy reaches.
"""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.clock import seconds
from synthcli.kernels.library import Library, load
from tests.kernels.sru_calls import Given, fill, problem_of

SHAPES = ((1024, 4, 3072), (1024, 8, 4096), (64, 128, 4096))  # length, batch, width
QUICK_SHAPES = ((64, 2, 256),)
TYPES = (torch.float32, torch.bfloat16)
FORWARD_SCALARS, BACKWARD_SCALARS, STATE_BYTES = 5, 9, 4


class Prepared:
    """A problem with all of its memory, so that only the kernels are timed."""

    def __init__(self, library: Library, given: Given, where: tuple[Any, ...]) -> None:
        self.library, self.given, self.where = library, given, where
        u, self.kept = given.u, []  # type: tuple[Tensor, list[Tensor]]
        batch, length, _, width = u.shape
        wide, chunks = given.initial.dtype, -(-length // library.checkpoint_every)
        self.problem = problem_of(given)
        self.add("h", u.new_empty(batch, length, width), "batch", "time")
        self.add("last", u.new_empty(batch, width, dtype=wide))
        self.add("checkpoints", u.new_empty(chunks, batch, width, dtype=wide))
        self.add("grad_h", torch.randn_like(u[:, :, 0]), "batch", "time")
        self.add("grad_last", torch.zeros_like(given.initial))
        self.add("grad_u", torch.empty_like(u), "batch", "time", "part")
        self.add("grad_skip", torch.empty_like(u[:, :, 0]), "batch", "time")
        self.add("grad_initial", torch.empty_like(given.initial))
        self.add("grad_gates", u.new_empty(batch, 4, width, dtype=wide))

    def add(self, name: str, tensor: Tensor, *axes: str) -> None:
        self.kept.append(tensor)
        fill(self.problem, name, tensor, *axes)

    def call(self, function: Callable[..., int]) -> None:
        status = function(ctypes.byref(self.problem), *self.where)
        if status:
            raise RuntimeError(self.library.explain(status))

    def forward(self) -> None:
        self.call(self.library.forward)

    def backward(self) -> None:
        self.call(self.library.backward)


def draw(device: torch.device, dtype: torch.dtype, length: int, batch: int, width: int) -> Given:
    """Draw a problem with skipped inputs, on the device itself."""

    def normal(*shape: int, of: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(shape, device=device, dtype=of)

    u, skip = normal(batch, length, 3, width, of=dtype), normal(batch, length, width, of=dtype)
    return Given(u, skip, normal(batch, width), 0.5 * normal(2, width), normal(2, width))


def place_of(device: torch.device) -> tuple[Any, ...]:
    """Return what follows the problem in a call: a device and its stream, or a number of threads."""
    if device.type == "cuda":
        return device.index, torch.cuda.current_stream(device).cuda_stream
    return (torch.get_num_threads(),)


def rows(
    device: torch.device, bandwidth: float, shapes: tuple[tuple[int, int, int], ...]
) -> Iterator[dict[str, Any]]:
    """Time every shape in every type."""
    library = load("cuda" if device.type == "cuda" else "cpu")
    for length, batch, width in shapes:
        for dtype in TYPES:
            prepared = Prepared(library, draw(device, dtype, length, batch, width), place_of(device))
            scalar, states = dtype.itemsize, STATE_BYTES / library.checkpoint_every
            for name, scalars in (("forward", FORWARD_SCALARS), ("backward", BACKWARD_SCALARS)):
                taken = seconds(getattr(prepared, name), device)
                moved = length * batch * width * (scalars * scalar + states)
                yield {
                    "kernel": name,
                    "dtype": str(dtype).removeprefix("torch."),
                    "length": length,
                    "batch": batch,
                    "width": width,
                    "milliseconds": round(taken * 1e3, 4),
                    "gigabytes": round(moved / 1e9, 4),
                    "fraction_of_copy": round(moved / taken / bandwidth, 3),
                }
