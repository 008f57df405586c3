"""Shaped attention: running sums, no length × length matrix, and 16-bit numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from synthcli.model.context import Context
from synthcli.model.mixers import Attention
from synthcli.model.mixers.running import cumulative_sum, mean_of_range, running_sum, sum_by_products

from .shaped_formula import BATCH, D_MODEL, SHAPINGS, by_the_formula, inputs, shaped


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 64, 65, 100])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_sums(length: int, reverse: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, length, 5, dtype=torch.float64)
    want = torch.zeros_like(x)
    for i in range(length):
        for j in range(i, length) if reverse else range(i + 1):
            want[:, i] += x[:, j]
    torch.testing.assert_close(running_sum(x, reverse), want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(running_sum(x.requires_grad_(), reverse), want, rtol=1e-12, atol=1e-12)
    assert running_sum(x.detach().bfloat16(), reverse).dtype == torch.float32


def test_the_mean_of_a_range_that_holds_nothing_is_0() -> None:
    x = torch.randn(1, 4, 2, dtype=torch.float64)
    weight = torch.tensor([[True, False, True, False]])
    start, end = torch.tensor([[0, 1, 2, 0]]), torch.tensor([[3, 2, 2, 4]])
    got = mean_of_range(x, weight, start, end)[0]
    pair = (x[0, 0] + x[0, 2]) / 2
    torch.testing.assert_close(got, torch.stack((pair, 0 * pair, 0 * pair, pair)))


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation returned, in elements it owns."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        for out in result if isinstance(result, tuple | list) else (result,):
            if isinstance(out, Tensor):
                owned = out.untyped_storage().nbytes() // out.element_size()
                self.elements = max(self.elements, owned)
        return result


@contextmanager
def sizes_saved() -> Iterator[list[int]]:
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.untyped_storage().nbytes() // tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield sizes


DRAWS = 8
LONG = 512


@pytest.mark.parametrize("shaping", SHAPINGS)
@pytest.mark.parametrize("causal", [False, True])
def test_no_matrix_of_length_times_length_is_made(causal: bool, shaping: str) -> None:
    attention = shaped(SHAPINGS[shaping]).train()
    x = torch.randn(2, LONG, D_MODEL, dtype=torch.float64, requires_grad=True)
    with Largest() as largest, sizes_saved() as saved:
        y, _ = attention(x, Context(causal=causal))
        y.sum().backward()
    assert saved and max(saved) < LONG * LONG and largest.elements < LONG * LONG
    with Largest() as naive:
        torch.softmax(x @ x.mT, -1)
    assert naive.elements >= LONG * LONG  # the measure sees one where there is one


def test_padding_of_an_encoder_makes_none_either() -> None:
    attention = shaped({})
    x = torch.randn(2, LONG, D_MODEL, dtype=torch.float64, requires_grad=True)
    padding = torch.arange(LONG).expand(2, -1) >= torch.tensor([[400], [512]])
    with Largest() as largest:
        attention(x, Context(key_padding=padding))[0].sum().backward()
    assert largest.elements < LONG * LONG


@pytest.mark.parametrize("causal", [False, True])
def test_bfloat16_is_as_near_to_float64_as_the_formula_in_bfloat16(causal: bool) -> None:
    exact = shaped({})
    rough = shaped({}).float()
    x = inputs(64).detach()
    rough.load_state_dict({name: t.float() for name, t in exact.state_dict().items()})
    context = Context(causal=causal)
    want = by_the_formula(exact, x, context)
    with torch.autocast("cpu", torch.bfloat16):
        got = rough(x.float(), context)[0].double()
        plain = by_the_formula(rough, x.float(), context).double()
    assert (got - want).norm() <= 2 * (plain - want).norm()


@pytest.mark.slow
def test_gradients_in_bfloat16_are_as_near_as_the_formula_s() -> None:
    exact, rough = shaped({}), shaped({}).float()
    rough.load_state_dict({name: t.float() for name, t in exact.state_dict().items()})
    x, context = inputs(64).detach(), Context(causal=True)
    names = [name for name, p in exact.named_parameters() if not name.endswith("key.bias")]

    def gradients(model: Attention, y: Tensor, weight: Tensor) -> list[Tensor]:
        parameters = dict(model.named_parameters())
        grads = torch.autograd.grad((y.double() * weight).sum(), [parameters[name] for name in names])
        return [g.double() for g in grads]

    squares = torch.zeros(3, len(names), dtype=torch.float64)  # of both errors, and of the gradients
    for _ in range(DRAWS):  # that of one number may be near, or nothing, by luck
        weight = torch.randn(BATCH, 64, D_MODEL, dtype=torch.float64)
        want = gradients(exact, by_the_formula(exact, x, context), weight)
        with torch.autocast("cpu", torch.bfloat16):
            got = gradients(rough, rough(x.float(), context)[0], weight)
            plain = gradients(rough, by_the_formula(rough, x.float(), context), weight)
        nothing = [torch.zeros_like(w) for w in want]
        squares += torch.tensor(
            [
                [(g - w).square().sum() for g, w in zip(one, want, strict=True)]
                for one in (got, plain, nothing)
            ]
        )
    errors = (squares[:2] / squares[2]).sqrt()
    rounding = 2**-8  # the gradient of a bias is rounded itself, the formula's is not
    assert bool((errors[0] <= 2 * errors[1] + rounding).all()), names


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 1023, 1025, 33_000])
def test_sums_by_products_and_their_gradient(length: int) -> None:
    """Against torch's own in float64; a third level of chunks begins beyond 32² positions."""
    torch.manual_seed(length)
    x = torch.randn(2 if length < 2_000 else 1, length, 3, dtype=torch.float64)
    weights = torch.randn_like(x)
    sums, gradients = [], []
    for form in (torch.Tensor.cumsum, sum_by_products):
        given = x.clone().requires_grad_()
        sums.append(form(given, 1) if form is torch.Tensor.cumsum else form(given))
        gradients.append(*torch.autograd.grad((sums[-1] * weights).sum(), given))
    torch.testing.assert_close(sums[1], sums[0], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-10, atol=1e-10)
    assert torch.equal(cumulative_sum(x), x.cumsum(1))
