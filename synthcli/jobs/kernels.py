"""What runs the recurrence of SRU on this machine, and whether the native kernels compute it right."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.kernels.choice import VARIABLE
from synthcli.kernels.library import Kind
from synthcli.kernels.status import find_library
from synthcli.model.ops.dispatch import why_not
from synthcli.model.ops.recurrence import recurrence

SEED = 0
SKIP_SCALE = 1.5
LEARNT = ("u", "skip", "initial", "weight_c", "bias")
TIMES_REFERENCE = 2.0  # a kernel's error is at most so many times that of plain torch
# … or this; for float32 the largest error of 250 recurrences, below which a ratio of two errors is chance.
EXACT_ENOUGH = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 1e-2}


@dataclass(frozen=True)
class RecurrenceCase:
    """A recurrence to try: its size and what it has."""

    name: str
    batch: int
    length: int
    width: int
    parts: int = 3
    has_skip: bool = True
    bidirectional: bool = False
    has_padding: bool = False
    has_starts: bool = False
    has_mask: bool = False


CASES = (
    RecurrenceCase("one step", 2, 1, 8),
    RecurrenceCase("plain", 3, 67, 33),
    RecurrenceCase("wide", 2, 130, 257),
    RecurrenceCase("nothing skipped", 2, 40, 24, has_skip=False),
    RecurrenceCase("skip from u", 2, 40, 24, parts=4, has_skip=False),
    RecurrenceCase("bidirectional", 2, 67, 34, bidirectional=True),
    RecurrenceCase("padding", 3, 45, 32, has_padding=True),
    RecurrenceCase("documents", 2, 45, 32, has_starts=True),
    RecurrenceCase("dropout", 3, 40, 40, has_mask=True),
    RecurrenceCase("all at once", 3, 67, 34, 4, False, True, True, True, True),
)


@dataclass(frozen=True)
class KernelFinding:
    """Largest errors of a kernel, and of plain torch in the same numbers, relative to float64."""

    device: str
    dtype: str
    case: str
    forward: float
    forward_torch: float
    gradients: float
    gradients_torch: float
    is_right: bool


def devices() -> list[str]:
    """Return the devices whose kernel can be tried; raise where there is none."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    present = [
        kind for kind in kinds if why_not(kind) is None and (kind == "cpu" or torch.cuda.is_available())
    ]
    if not present:
        message = f"there is no native kernel to test: {find_library('cpu').why_not}"
        raise SynthError(message, "`synth kernels build` makes it; it needs a C++ compiler such as g++")
    return list(present)


def findings(device: str) -> Iterator[KernelFinding]:
    """Try the kernels of a device on every case, in every type of numbers."""
    for dtype in EXACT_ENOUGH:
        for case in CASES:
            yield try_case(case, dtype, device)


def try_case(case: RecurrenceCase, dtype: torch.dtype, device: str) -> KernelFinding:
    """Compare kernel and plain torch in a type of numbers, both with plain torch in float64."""
    given = inputs_of(case, dtype, device)
    with force_implementation("reference"):
        exact = results(case, {name: in_float64(tensor) for name, tensor in given.items()})
        plain = errors(results(case, given), exact)
    with force_implementation("native"):
        native = errors(results(case, given), exact)
    limits = [max(TIMES_REFERENCE * error, EXACT_ENOUGH[dtype]) for error in plain]
    is_right = all(error <= limit for error, limit in zip(native, limits, strict=True))
    name = str(dtype).removeprefix("torch.")
    return KernelFinding(device, name, case.name, native[0], plain[0], native[1], plain[1], is_right)


def inputs_of(case: RecurrenceCase, dtype: torch.dtype, device: str) -> dict[str, Tensor]:
    """Return the arguments of a recurrence and the weights of its results, drawn anew but always the same."""
    generator = torch.Generator().manual_seed(SEED)
    wide = torch.promote_types(dtype, torch.float32)

    def draw(kind: torch.dtype, *shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator).to(device, kind)

    rows, width = (case.batch, case.length), case.width
    given = {"u": draw(dtype, *rows, case.parts, width), "initial": draw(wide, case.batch, width)}
    given |= {
        "weight_c": draw(wide, 2, width).tanh(),
        "bias": draw(wide, 2, width),
    }  # larger ones amplify errors
    given |= {"of_h": draw(dtype, *rows, width), "of_last": draw(wide, case.batch, width)}
    if case.has_skip:
        given["skip"] = draw(dtype, *rows, width)
    if case.has_padding:
        given["padding"] = draw(wide, *rows) > 1
    if case.has_starts:
        given["starts"] = draw(wide, *((2,) if case.bidirectional else ()), *rows) > 1
    if case.has_mask:
        given["mask"] = (draw(wide, case.batch, width) > -1).to(wide) * 1.25
    return given


def in_float64(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def results(case: RecurrenceCase, given: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return h and the last c, and the gradients of a weighted sum of both."""
    leaves = {name: given[name].clone().requires_grad_() for name in LEARNT if name in given}
    rest = {name: given.get(name) for name in ("padding", "starts", "mask")}
    arguments: dict[str, Any] = {"skip": None, **leaves, **rest}
    found = recurrence(**arguments, skip_scale=SKIP_SCALE, bidirectional=case.bidirectional)
    weights = [given["of_h"], given["of_last"]]
    gradients = torch.autograd.grad(found, list(leaves.values()), weights)
    return [one.detach() for one in found], list(gradients)


def errors(found: tuple[list[Tensor], list[Tensor]], exact: tuple[list[Tensor], list[Tensor]]) -> list[float]:
    """Return the largest error of results and of gradients, in parts of the largest number above 1."""
    return [
        max(error(one, true) for one, true in zip(mine, theirs, strict=True))
        for mine, theirs in zip(found, exact, strict=True)
    ]


def error(found: Tensor, exact: Tensor) -> float:
    """Return the largest error; infinity where a result is not a number, which `max` might lose."""
    difference = (found.double() - exact).abs().max() / exact.abs().max().clamp_min(1)
    return float(difference.nan_to_num(torch.inf))


@contextmanager
def force_implementation(implementation: str) -> Iterator[None]:
    """Run the recurrence by one implementation, whatever the environment says."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = implementation
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
