"""The native recurrence against the reference: every option, odd sizes, every type and instruction set."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from synthcli.model.ops import dispatch, reference
from synthcli.model.ops.recurrence import recurrence

from .recurrence_case import EVERY, Case, in_float64, results

pytestmark = pytest.mark.skipif(
    dispatch.why_not("cpu") is not None, reason=f"no native kernel: {dispatch.why_not('cpu')}"
)


def agree(case: Case) -> None:
    tensors = case.tensors()
    for ours, theirs in zip(
        results(recurrence, case, tensors), results(reference.recurrence, case, tensors), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


OPTIONS = list(itertools.product((False, True), repeat=4))


@pytest.mark.parametrize("skip", ["x", "part", "none"])
@pytest.mark.parametrize(("bidirectional", "padding", "starts", "mask"), OPTIONS)
def test_every_option_is_the_reference(
    skip: str, bidirectional: bool, padding: bool, starts: bool, mask: bool
) -> None:
    case = Case(skip=skip, bidirectional=bidirectional, padding=padding, starts=starts, mask=mask)
    agree(replace(case, length=2 * EVERY + 3))
    agree(replace(case, length=3, width=2, batch=1))


@pytest.mark.parametrize("length", [0, 1, EVERY - 1, EVERY, EVERY + 1, 3 * EVERY + 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_lengths_around_stored_states(length: int, bidirectional: bool) -> None:
    agree(Case(length=length, bidirectional=bidirectional, padding=True, starts=True))


@pytest.mark.parametrize("width", [2, 254, 256, 258, 514, 1030])
def test_widths_around_a_block_of_columns(width: int) -> None:
    agree(Case(width=width, length=3, bidirectional=True, mask=True))


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_numbers_of_sequences(batch: int) -> None:
    agree(Case(batch=batch))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("skip", ["x", "part", "none"])
def test_errors_are_at_most_twice_those_of_the_reference(dtype: torch.dtype, skip: str) -> None:
    case = Case(3, 200, 300, skip, bidirectional=True, padding=True, mask=True, dtype=dtype)
    tensors = case.tensors()
    exact = results(reference.recurrence, case, in_float64(tensors))
    ours, theirs = (results(f, case, tensors) for f in (recurrence, reference.recurrence))
    for want, one, other in zip(exact, ours, theirs, strict=True):
        assert one.dtype == other.dtype
        error, of_reference = (float((t.double() - want).norm()) for t in (one, other))
        assert error <= 2 * of_reference


def test_memory_may_lie_in_any_order() -> None:
    """Time first, columns of something wider, columns that are no neighbours."""
    case = Case(length=20, skip="x")
    u, skip, *rest = case.tensors()
    want = recurrence(u, skip, *rest)
    by_time = u.detach().permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3)
    wider = torch.randn(2, 20, 3, 11, dtype=torch.float64)
    wider[..., 2:8] = u.detach()
    apart = u.detach().transpose(2, 3).contiguous().transpose(2, 3)
    for other in (by_time, wider[..., 2:8], apart):
        assert not other.is_contiguous()
        for one, two in zip(recurrence(other, skip, *rest), want, strict=True):
            assert torch.equal(one, two)


def test_threads_do_not_change_a_bit() -> None:
    case = Case(batch=5, length=300, width=520, dtype=torch.float32)
    tensors, threads = case.tensors(), torch.get_num_threads()
    try:
        found = []
        for number in (1, 2, 7):
            torch.set_num_threads(number)
            found.append(results(recurrence, case, tensors))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_not_a_number_stays_where_it_is() -> None:
    tensors = Case(length=4, width=8, dtype=torch.float32).tensors()
    u = tensors[0].detach().clone()
    u[0, 2, 0, 3] = torch.nan
    u[1, 1, 1, 5] = torch.inf
    h, c = recurrence(u, *tensors[1:])
    spoilt = torch.zeros_like(h, dtype=torch.bool)
    spoilt[0, 2:, 3] = True
    assert torch.equal(h.isnan(), spoilt) and bool(c[0, 3].isnan()) and not bool(c[1].isnan().any())


@pytest.mark.parametrize("size", [1e3, 3e4, 1e30])
def test_gates_far_out_are_0_or_1(size: float) -> None:
    u = torch.tensor([-size, size]).expand(1, 2, 3, 2).contiguous()
    h, c = recurrence(u, torch.ones(1, 2, 2), torch.zeros(1, 2), torch.zeros(2, 2), torch.zeros(2, 2))
    assert bool(h.isfinite().all()) and bool(c.isfinite().all())
    assert torch.equal(h[..., 0], torch.ones(1, 2)) and torch.equal(c[:, 1], torch.zeros(1))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["baseline", "avx2", "avx512"])
def test_every_instruction_set_gives_the_same_numbers(target: str) -> None:
    """In a process of its own: a library chooses once. Where a set is lacking, the next below runs."""
    program = (
        "import torch, tests.model.test_native_recurrence as own\n"
        "options = dict(bidirectional=True, padding=True, starts=True, mask=True)\n"
        "own.agree(own.Case(length=37, width=300, **options))\n"
        "for dtype in (torch.float32, torch.bfloat16, torch.float16):\n"
        "    own.test_errors_are_at_most_twice_those_of_the_reference(dtype, 'x')\n"
    )
    environment = {**os.environ, "SYNTH_KERNELS_TARGET": target}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
