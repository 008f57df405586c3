"""Forward and backward of the recurrence beside the bytes they have to move.

A scalar of u, x̃ and h has s bytes, a state 4; a state is stored every L steps. Forward reads u (3 of them)
and x̃, and writes h: 5 s + 4/L an element. Backward reads u, x̃ and the gradient of h and writes those of u and
x̃: 9 s + 4/L. The fraction of bandwidth is these bytes in the time measured, over what a copy reaches.
"""

import ctypes
import os
import shlex
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.gpu.clock import copy_bandwidth, seconds
from benchmarks.gpu.layers import PAPER, layer
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, SKIPPED, Row
from synthcli.kernels import builder, compilers, places
from synthcli.kernels.library import Library, load_library, open_library
from tests.kernels.sru_calls import Given, fill, problem_of

Shapes = tuple[tuple[int, int, int], ...]

COPIED = {"cuda": 1 << 30, "cpu": 1 << 24}  # bytes, to measure bandwidth
NO_FEW_COLUMNS = "-DSRU_FEW_COLUMNS=0"
SHAPES: Shapes = ((1024, 4, 3072), (1024, 8, 4096), (64, 128, 4096))  # length, batch, width
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


def rows(library: Library, device: torch.device, bandwidth: float, shapes: Shapes) -> Iterator[Row]:
    """Time every shape in every type."""
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


def without_few_columns(bench: Bench, bandwidth: float) -> Iterator[Row]:
    """Time a library without the kernels for few columns, at the size that they are for."""
    try:
        nvcc = shlex.join(compilers.find_nvcc())
    except compilers.NoCompilerError as reason:
        yield {"built_with": NO_FEW_COLUMNS, "result": SKIPPED, "reason": str(reason)}
        return
    sources = places.sources().resolve()
    own = builder.Bench(bench.folder, sources, places.interface_version(sources), "", builder.PATIENT_SECONDS)
    with mock.patch.dict(os.environ, {"NVCC": f"{nvcc} {NO_FEW_COLUMNS}"}):
        built = builder.try_compile("cuda", own)
    if not built.is_built:
        yield {"built_with": NO_FEW_COLUMNS, "result": FAILED, "reason": built.reason}
        return
    library = open_library("cuda", bench.folder / places.FILES["cuda"])
    for row in rows(library, bench.device, bandwidth, SHAPES[:1]):
        yield {**row, "built_with": NO_FEW_COLUMNS}


def run(bench: Bench) -> Iterator[Row]:
    """Time a copy, the kernels beside it, and a layer of SRU++."""
    bandwidth = copy_bandwidth(bench.device, COPIED[bench.device.type])
    yield {"copy_gigabytes_per_second": round(bandwidth / 1e9, 1)}
    library = load_library("cuda" if bench.is_cuda else "cpu")
    yield from rows(library, bench.device, bandwidth, SHAPES if bench.is_cuda else QUICK_SHAPES)
    if bench.is_cuda:
        yield from without_few_columns(bench, bandwidth)
    yield layer(bench.device, *((PAPER, 4, 1024) if bench.is_cuda else ("smoke", 2, 32)))
