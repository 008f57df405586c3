"""What has to hold on a device: right numbers in every type, option, size and stream, or AssertionError."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.kernel_calls import counting
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, SKIPPED, Row
from synthcli.kernels.library import find_refusal, load_library
from synthcli.model.ops import native, reference
from synthcli.model.ops.recurrence import recurrence
from tests.kernels.sru_calls import Given, Results, by_the_equations, draw, results_of

OPTIONS = (
    (),
    ("padding",),
    ("starts",),
    ("mask", "scale"),
    ("bidirectional",),
    ("padding", "starts", "mask", "scale", "bidirectional"),
)
INPUTS = {"skip": {}, "no skip": {"skips": False}, "fourth part": {"parts": 4}}
EXACT = 1e-10
SINGLE = 5e-5
MOST_OF_REFERENCE = 2.0  # the kernel's error over that of plain torch, both against float64
GIGABYTES_FOR_LARGE = 24


class Skipped(Exception):  # noqa: N818 - no failure
    """A check that does not apply here; says why."""


def by_the_kernel(given: Given) -> tuple[Tensor, Tensor]:
    return recurrence(*arguments(given)[:8], skip_scale=given.skip_scale, bidirectional=given.bidirectional)


def by_the_reference(given: Given) -> tuple[Tensor, Tensor]:
    return reference.recurrence(*arguments(given))


def arguments(given: Given) -> list[Any]:
    starts = given.starts if given.starts is None or given.bidirectional else given.starts[0]
    tensors = [
        given.u,
        given.skip,
        given.initial,
        given.weight_c,
        given.bias,
        given.padding,
        starts,
        given.mask,
    ]
    return [*tensors, given.skip_scale, given.bidirectional]


def incoming(given: Given) -> tuple[Tensor, Tensor]:
    """Return the gradients of h and of the last c, on the CPU."""
    g = torch.Generator().manual_seed(7)
    batch, length, _, width = given.u.shape
    grad_h = torch.randn(batch, length, width, generator=g, dtype=torch.float64).to(given.u.dtype)
    return grad_h, torch.randn(batch, width, generator=g, dtype=torch.float64).to(given.initial.dtype)


def on(device: torch.device, given: Given) -> Given:
    return given.but(lambda _, t: t.to(device))


def exact(given: Given) -> Results:
    """Return what the equations give in float64."""
    wide = given.but(lambda _, t: t.double() if t.is_floating_point() else t)
    return results_of(wide, *incoming(given), function=by_the_equations)


def on_device(device: torch.device, given: Given, function: Any = by_the_kernel) -> Results:
    grads = (g.to(device) for g in incoming(given))
    got = results_of(on(device, given), *grads, function=function)
    return Results(got.h.cpu(), got.last.cpu(), [g.cpu() for g in got.gradients])


def agree(device: torch.device, given: Given, tolerance: float) -> None:
    for got, want in zip(on_device(device, given).all(), exact(given).all(), strict=True):
        torch.testing.assert_close(got.double(), want, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------- what is checked


def the_kernel_runs(device: torch.device) -> None:
    """A library is loaded that can run on this device, and does: all else would measure plain torch."""
    kind = "cuda" if device.type == "cuda" else "cpu"
    load_library(kind)
    assert (reason := find_refusal(kind, device.index)) == "", reason
    with counting() as calls:
        on_device(device, draw())
    assert calls[kind] == 2, f"{calls[kind]} calls of forward and backward"


def every_option(device: torch.device) -> None:
    for options, inputs, (dtype, tolerance) in product(
        OPTIONS, INPUTS.values(), ((torch.float64, EXACT), (torch.float32, SINGLE))
    ):
        agree(device, draw(dtype, options=options, width=70, length=21, **inputs), tolerance)


def every_length_around_chunks(device: torch.device) -> None:
    every = load_library("cuda" if device.type == "cuda" else "cpu").checkpoint_every
    lengths = (0, 1, every - 1, every, every + 1, 3 * every + 2, 16, 17, 50)
    for length, options in product(lengths, ((), ("padding", "starts", "bidirectional"))):
        agree(device, draw(length=length, options=options), EXACT)


def columns_that_do_not_fill_blocks(device: torch.device) -> None:
    for width, options in product((2, 62, 64, 66, 130), ((), ("bidirectional",))):
        agree(device, draw(width=width, length=5, options=options), EXACT)
    agree(device, draw(batch=2, width=(1 << 16) + 1, length=5), EXACT)


def errors_at_most_twice_those_of_plain_torch(device: torch.device) -> None:
    for dtype, options in product((torch.float32, torch.bfloat16, torch.float16), (("mask",), OPTIONS[-1])):
        given = draw(dtype, batch=3, length=200, width=300, options=options)
        want, got = exact(given).all(), on_device(device, given).all()
        plain = on_device(device, given, by_the_reference).all()
        for one, other, right in zip(got, plain, want, strict=True):
            ours, theirs = (float((t.double() - right).norm()) for t in (one, other))
            assert ours <= MOST_OF_REFERENCE * theirs, f"{dtype}, {options}: {ours:.3g} beside {theirs:.3g}"


def gradients_by_differences(device: torch.device) -> None:
    given = on(
        device, draw(batch=2, length=6, width=4, options=("padding", "starts", "mask", "bidirectional"))
    )
    leaves = [leaf.requires_grad_() for leaf in given.leaves()]

    def function(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        return by_the_kernel(Given(*tensors, *arguments(given)[5:]))

    assert torch.autograd.gradcheck(function, leaves)


def time_first(device: torch.device) -> None:
    given = draw(length=9, options=("padding",))
    grads, plain = incoming(given), exact(given)
    turned = on(device, given)
    turned = turned.but(
        lambda n, t: t.transpose(0, 1).contiguous().transpose(0, 1) if n in ("u", "skip") else t
    )
    got = results_of(turned, *(g.to(device) for g in grads), function=by_the_kernel)
    for one, other in zip(got.all(), plain.all(), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=EXACT, atol=EXACT)


def another_stream(device: torch.device) -> None:
    """On a stream that is kept busy before, the kernel waits for what comes before it and nothing else."""
    only_cuda(device)
    given, want = draw(length=40, width=64), exact(draw(length=40, width=64))
    late = on(device, given.but(lambda _, t: torch.zeros_like(t)))
    busy = torch.randn(4096, 4096, device=device)
    torch.cuda.synchronize(device)
    with torch.cuda.stream(torch.cuda.Stream(device)):
        for _ in range(20):
            busy = (busy @ busy).clamp(-1, 1)
        for to, source in zip(late.leaves(), given.leaves(), strict=True):
            to.copy_(source.pin_memory(), non_blocking=True)
        h, last = by_the_kernel(late)
        torch.cuda.current_stream(device).synchronize()
    torch.testing.assert_close(h.cpu(), want.h, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(last.cpu(), want.last, rtol=EXACT, atol=EXACT)


def operators_pass_opcheck(device: torch.device) -> None:
    given = on(device, draw(torch.float32, options=("padding", "starts", "mask", "bidirectional")))
    for name, tensor in given.but(lambda _, t: t).__dict__.items():
        if isinstance(tensor, Tensor) and name in ("u", "skip", "initial", "weight_c", "bias"):
            tensor.requires_grad_()
    torch.library.opcheck(native.sru, (*arguments(given), True))


def addresses_beyond_32_bits(device: torch.device) -> None:
    """The last columns of arrays of more than 2^31 elements."""
    only_cuda(device)
    free = torch.cuda.mem_get_info(device)[0] / 1e9
    if free < GIGABYTES_FOR_LARGE:
        raise Skipped(f"needs {GIGABYTES_FOR_LARGE} GB of memory, {free:.0f} are free")
    length, width, kept = 24, 1 << 24, 8
    g = torch.Generator(device).manual_seed(0)

    def normal(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(shape, generator=g, device=device, dtype=dtype)

    u = normal(2, length, 3, width, dtype=torch.bfloat16)
    given = Given(u, None, normal(2, width), normal(2, width), normal(2, width))
    h, last = by_the_kernel(given)
    few = given.but(lambda _, t: t[..., -kept:].double().cpu())
    want_h, want_last = by_the_equations(few)
    torch.testing.assert_close(last[:, -kept:].double().cpu(), want_last, rtol=SINGLE, atol=SINGLE)
    torch.testing.assert_close(h[..., -kept:].double().cpu(), want_h, rtol=2**-8, atol=2**-8)


def only_cuda(device: torch.device) -> None:
    if device.type != "cuda":
        raise Skipped("only on a CUDA device")


CHECKS: tuple[Callable[[torch.device], None], ...] = (
    the_kernel_runs,
    every_option,
    every_length_around_chunks,
    columns_that_do_not_fill_blocks,
    errors_at_most_twice_those_of_plain_torch,
    gradients_by_differences,
    time_first,
    another_stream,
    operators_pass_opcheck,
    addresses_beyond_32_bits,
)


def run(bench: Bench) -> Iterator[Row]:
    """Run every check; whatever goes wrong in one is its result, and the next one runs."""
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(bench.device)
            yield {"check": name, "result": PASSED}
        except Skipped as reason:
            yield {"check": name, "result": SKIPPED, "reason": str(reason)}
        except Exception as error:
            yield {"check": name, "result": FAILED, "reason": f"{type(error).__name__}: {error}"}
