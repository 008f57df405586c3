"""The native recurrence against the reference: every option, odd sizes, every type, and as an operator."""

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.model.ops import dispatch, native, reference
from synthcli.model.ops.recurrence import recurrence

EVERY = 16  # steps between stored states: lengths around it cross chunks

pytestmark = pytest.mark.skipif(
    dispatch.why_not("cpu") is not None, reason=f"no native kernel: {dispatch.why_not('cpu')}"
)


@dataclass(frozen=True)
class Case:
    """A recurrence to compute; `skip` is x, part (the fourth of u) or none."""

    batch: int = 2
    length: int = 5
    width: int = 6
    skip: str = "x"
    bidirectional: bool = False
    padding: bool = False
    starts: bool = False
    mask: bool = False
    skip_scale: float = 1.3
    dtype: torch.dtype = torch.float64

    def tensors(self) -> list[Tensor | None]:
        torch.manual_seed(0)
        size = (self.batch, self.length)
        wide = torch.promote_types(self.dtype, torch.float32)

        def draw(*shape: int, dtype: torch.dtype = wide) -> Tensor:
            return torch.randn(*shape, dtype=torch.float64).to(dtype).requires_grad_()

        u = draw(*size, 4 if self.skip == "part" else 3, self.width, dtype=self.dtype)
        skip = draw(*size, self.width, dtype=self.dtype) if self.skip == "x" else None
        numbers = [draw(self.batch, self.width), draw(2, self.width), draw(2, self.width)]
        directions = (2,) if self.bidirectional else ()
        padding = torch.rand(size) < 0.3 if self.padding else None
        starts = torch.rand(*directions, *size) < 0.3 if self.starts else None
        mask = (torch.rand(self.batch, self.width) < 0.7).to(wide) / 0.7 if self.mask else None
        return [u, skip, *numbers, padding, starts, mask]


def results(function: Any, case: Case, tensors: list[Tensor | None]) -> list[Tensor]:
    """Return h, the last c, and every gradient of a sum of both with random weights."""
    if function is recurrence:
        h, c = recurrence(*tensors, skip_scale=case.skip_scale, bidirectional=case.bidirectional)
    else:
        h, c = function(*tensors, case.skip_scale, case.bidirectional)
    generator = torch.Generator().manual_seed(1)
    by = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.dtype) for t in (h, c)]
    leaves = [t for t in tensors[:5] if t is not None]
    return [h.detach(), c.detach(), *torch.autograd.grad((h, c), leaves, by)]


def in_float64(tensors: list[Tensor | None]) -> list[Tensor | None]:
    return [
        t.detach().double().requires_grad_() if t is not None and t.is_floating_point() else t
        for t in tensors
    ]


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


# ------------------------------------------------------------------ as an operator


CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.mark.parametrize("skip", ["x", "part", "none"])
def test_the_operator_keeps_what_torch_asks(skip: str) -> None:
    case = Case(length=3, width=4, skip=skip, bidirectional=True, padding=True, mask=True)
    tensors = case.tensors()
    checks = CHECKS if skip == "x" else CHECKS[:-1]
    torch.library.opcheck(native.sru, (*tensors, 1.3, True, True), test_utils=checks)
    h, c, states = native.sru(*tensors, 1.3, True, True)
    given = [t.detach().requires_grad_() if t is not None and t.is_floating_point() else t for t in tensors]
    by = [t.detach().requires_grad_() for t in (h, c)]
    arguments = (*by, *given, states.detach(), 1.3, True)
    torch.library.opcheck(native.sru_backward, arguments, test_utils=checks)


@pytest.mark.parametrize("skip", ["x", "part", "none"])
def test_first_and_second_derivatives_are_those_of_small_differences(skip: str) -> None:
    case = Case(length=3, width=4, skip=skip, bidirectional=True, padding=True, mask=True)
    tensors = case.tensors()
    leaves = tuple(t for t in tensors[:5] if t is not None)

    def function(*given: Tensor) -> tuple[Tensor, Tensor]:
        rest = iter(given)
        full = [None if t is None else next(rest) for t in tensors[:5]]
        return recurrence(*full, *tensors[5:], skip_scale=1.3, bidirectional=True)

    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves)


def test_a_gradient_of_one_result_alone() -> None:
    tensors = Case().tensors()
    for index in (0, 1):
        ours, theirs = (
            torch.autograd.grad(f[index].sum(), tensors[0])[0]
            for f in (recurrence(*tensors), reference.recurrence(*tensors, 1.0, False))
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_compiled_equals_eager() -> None:
    """`fullgraph`, with lengths that change."""

    def function(*given: Tensor | None) -> tuple[Tensor, Tensor]:
        return recurrence(*given, skip_scale=1.3)

    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend="aot_eager")
    for length in (5, 9, EVERY + 3):
        tensors = Case(length=length, padding=True, starts=True).tensors()
        leaves = [t for t in tensors[:5] if t is not None]
        found = []
        for f in (compiled, function):
            h, c = f(*tensors)
            found.append([h, c, *torch.autograd.grad(h.square().sum() + c.sum(), leaves)])
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_without_a_gradient_no_states_are_kept() -> None:
    tensors = Case(length=40).tensors()
    assert native.sru(*tensors, 1.0, False, False)[2].numel() == 0
    assert native.sru(*tensors, 1.0, False, True)[2].shape == (3, 2, 6)


def test_shapes_are_known_without_numbers() -> None:
    u, skip, *rest = (
        None if t is None else t.detach().to("meta") for t in Case(dtype=torch.bfloat16).tensors()
    )
    h, c = recurrence(u, skip, *rest)
    assert h.shape == skip.shape and h.dtype == torch.bfloat16
    assert c.shape == (2, 6) and c.dtype == torch.float32


# ------------------------------------------------------------------ what does not fit, and what is chosen


def wrong(**changes: Any) -> dict[str, Any]:
    names = ("u", "skip", "initial", "weight_c", "bias", "padding", "starts", "mask")
    given = dict(zip(names, Case(padding=True, starts=True, mask=True).tensors(), strict=True))
    return {**given, **changes}


WRONG = {
    "u is (batch, length, 3 or 4, width), got (2, 5, 2, 6)": {"u": torch.zeros(2, 5, 2, 6)},
    "u is (batch, length, 3 or 4, width), got (2, 5, 18)": {"u": torch.zeros(2, 5, 18)},
    "u holds floating-point numbers of 16, 32 or 64 bits, got torch.int64": {
        "u": torch.zeros(2, 5, 3, 6, dtype=torch.int64)
    },
    "`skip` is (2, 5, 6) for u of (2, 5, 3, 6), got (2, 4, 6)": {"skip": torch.zeros(2, 4, 6)},
    "`padding` is (2, 5) for u of (2, 5, 3, 6), got (2, 6)": {"padding": torch.zeros(2, 6).bool()},
    "`starts` is (2, 2, 5) for u of (2, 5, 3, 6), got (2, 5)": {"bidirectional": True},
    "`mask` is (2, 6) for u of (2, 5, 3, 6), got (6,)": {"mask": torch.ones(6)},
    "`padding` holds True or False, got torch.float32": {"padding": torch.zeros(2, 5)},
    "`bias` holds floating-point numbers, got torch.int64": {"bias": torch.zeros(2, 6, dtype=torch.int64)},
    "`weight_c` is on meta, and u on cpu": {"weight_c": torch.zeros(2, 6, device="meta")},
    "u has four parts, the fourth of which is skipped, and `skip` is given too": {
        "u": torch.zeros(2, 5, 4, 6)
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_named(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        recurrence(**wrong(**WRONG[message]))
    assert str(caught.value) == message


def test_an_odd_width_has_no_halves() -> None:
    tensors = Case(width=5).tensors()
    with pytest.raises(ValueError, match="`bidirectional` halves the width, and 5 is odd"):
        recurrence(*tensors, bidirectional=True)


def test_an_unknown_way_to_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dispatch.VARIABLE, "nativ")
    with pytest.raises(SynthError) as caught:
        recurrence(*Case().tensors())
    assert str(caught.value) == "`SYNTH_KERNELS=nativ` is no way to run kernels\nhint: did you mean `native`?"


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
