"""The native recurrence as an operator of torch: its gradients, its shapes, compiled."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from synthcli.model.ops import dispatch, native, reference
from synthcli.model.ops.constant import assume_constant_result
from synthcli.model.ops.recurrence import recurrence

from .recurrence_case import EVERY, Case

pytestmark = pytest.mark.skipif(
    dispatch.why_not("cpu") is not None, reason=f"no native kernel: {dispatch.why_not('cpu')}"
)


CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.mark.slow
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


@pytest.mark.slow
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


class _Zeros(TorchDispatchMode):
    """Keeps the sizes of zeros that are made."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if "zeros" in str(func):
            self.sizes.append(tuple(made.shape))
        return made


def test_a_gradient_makes_no_zeros_for_stored_states() -> None:
    tensors = Case(length=EVERY + 3).tensors()
    h, last = recurrence(*tensors)
    with _Zeros() as zeros:
        torch.autograd.grad(h.sum(), tensors[0])
    assert zeros.sizes == [tuple(last.shape)]


@pytest.mark.slow
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


def test_what_the_compiler_takes_for_constant_is_marked_as_torch_marks_it() -> None:
    def ours() -> None: ...

    def theirs() -> None: ...

    assert vars(assume_constant_result(ours)) == vars(torch.compiler.assume_constant_result(theirs)) != {}
