"""SRU's recurrence against its equations, one number at a time, in float64, forward and backward."""

from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model.ops.recurrence import recurrence

from .implementations import implementation  # noqa: F401
from .sru_formula import Given, by_the_formula, gradients_by_hand

pytestmark = pytest.mark.usefixtures("implementation")

BATCH, LENGTH, WIDTH = 3, 6, 5
OPTIONS = {
    "plain": {},
    "padding on the right": {"padding": [[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]},
    "padding anywhere": {"padding": [[1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]]},
    "documents": {"starts": [[1, 0, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]]},
    "documents and padding": {
        "starts": [[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1]],
        "padding": [[0, 0, 0, 0, 1, 1], [0, 1, 0, 0, 0, 1], [0, 0, 1, 0, 0, 1]],
    },
    "dropout": {"mask": True},
    "no skip": {"skip": False},
    "no skip, dropout, padding": {
        "skip": False, "mask": True, "padding": [[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]],
    },
    "first version": {"weight_c": False},
}  # fmt: skip


def given(name: str = "plain", length: int = LENGTH) -> Given:
    torch.manual_seed(0)
    option: dict[str, Any] = OPTIONS[name]
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)  # noqa: E731
    u, skip, initial = draw(BATCH, length, 3, WIDTH), draw(BATCH, length, WIDTH), draw(BATCH, WIDTH)
    weight_c, bias = draw(2, WIDTH) * option.get("weight_c", True), draw(2, WIDTH)
    masks = {key: torch.tensor(option[key]).bool() for key in ("padding", "starts") if key in option}
    mask = (draw(BATCH, WIDTH) > 0).double() / 0.6 if "mask" in option else None
    skipped = skip if option.get("skip", True) else None
    return Given(u, skipped, initial, weight_c, bias, mask=mask, **masks).with_gradients()


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_the_recurrence_is_its_equations_forward_and_backward(name: str) -> None:
    it = given(name)
    got, want = recurrence(*it.arguments()), by_the_formula(it)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    weights = [torch.randn_like(t) for t in got]
    sums = [sum((t * w).sum() for t, w in zip(pair, weights, strict=True)) for pair in (got, want)]
    gradients = [torch.autograd.grad(total, it.leaves()) for total in sums]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["plain", "dropout", "no skip", "first version"])
def test_gradients_are_those_derived_by_hand(name: str) -> None:
    it = given(name)
    h, c = recurrence(*it.arguments())
    gh, last = torch.randn_like(h), torch.randn_like(c)
    got = torch.autograd.grad((h * gh).sum() + (c * last).sum(), it.leaves())
    for one, other in zip(got, gradients_by_hand(it, gh, last), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["plain", "documents and padding", "no skip, dropout, padding"])
def test_gradients_are_those_of_small_differences(name: str) -> None:
    it = given(name)

    def function(*leaves: Tensor) -> tuple[Tensor, Tensor]:
        u, *skip, initial, weight_c, bias = leaves
        rest = (it.padding, it.starts, it.mask)
        return recurrence(u, skip[0] if skip else None, initial, weight_c, bias, *rest)

    assert torch.autograd.gradcheck(function, it.leaves(), fast_mode=True)


def test_one_step() -> None:
    it = given(length=1)
    for one, other in zip(recurrence(*it.arguments()), by_the_formula(it), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_two_halves_are_the_whole() -> None:
    it = given("documents and padding")
    h, c = recurrence(*it.arguments())
    pieces, state = [], it.initial
    for part in (slice(0, 2), slice(2, 3), slice(3, None)):
        assert it.padding is not None and it.starts is not None and it.skip is not None
        piece, state = recurrence(
            it.u[:, part], it.skip[:, part], state, it.weight_c, it.bias,
            it.padding[:, part], it.starts[:, part],
        )  # fmt: skip
        pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, 1), h, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(state, c, rtol=1e-13, atol=1e-13)


def test_the_state_is_float32_where_numbers_are_16_bit_and_infinite_gates_are_safe() -> None:
    it = given("padding anywhere")
    u = it.u.detach().bfloat16().requires_grad_()
    h, c = recurrence(u, None, it.initial.float(), it.weight_c.float(), it.bias.float(), it.padding)
    assert h.dtype == torch.bfloat16 and c.dtype == torch.float32
    h.float().sum().backward()
    assert u.grad is not None and bool(u.grad.isfinite().all())
