"""Norms and gains against their formulas, in float64, forward and backward."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model import norms
from synthcli.model.gains import Gains, joined_plus_scaled, plus_scaled, scale, weighted_sum
from synthcli.model.norms import DynamicTanh, RMSNorm, build_norm, joined_rms_norm
from synthcli.model_config.blocks import by_depth


def _rms(norm: Any, x: Tensor) -> Tensor:
    """Row by row: ε is added to the root mean square, not to the mean square."""
    rows = [norm.weight * row / ((row**2).mean() ** 0.5 + norm.eps) for row in x.flatten(0, -2)]
    return torch.stack(rows).view(x.shape)


def _dyt(norm: Any, x: Tensor) -> Tensor:
    powers = (2 * norm.alpha * x).exp()
    return norm.weight * (powers - 1) / (powers + 1) + norm.bias


NORMS: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], Tensor]]] = {
    "rms": (lambda: RMSNorm(5, 0.3), _rms),
    "dyt": (lambda: DynamicTanh(5), _dyt),
}


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_is_its_formula_forward_and_backward(kind: str) -> None:
    torch.manual_seed(0)
    make, formula = NORMS[kind]
    norm = make().double()
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    got, want = norm(x), formula(norm, x)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    wanted, weight = [x, *norm.parameters()], torch.randn_like(got)
    pairs = (torch.autograd.grad((y * weight).sum(), wanted) for y in (got, want))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_a_row_of_zeros_has_a_norm_with_finite_gradients() -> None:
    x = torch.zeros(2, 5, requires_grad=True)
    y = RMSNorm(5, 1e-5)(x)
    y.sum().backward()
    assert not y.any() and x.grad is not None and bool(x.grad.isfinite().all())


def test_statistics_of_16_bit_numbers_are_float32() -> None:
    x = torch.full((1, 64), 200.0, dtype=torch.float16)  # 64 · 200² is too much for float16
    torch.testing.assert_close(RMSNorm(64, 1e-5).half()(x), torch.ones_like(x))


@pytest.mark.parametrize("shape", [(3, 4, 5), (7,), (2, 1)])
@pytest.mark.parametrize("eps", [0.3, 1e-6])
def test_the_joined_norm_is_the_formula_and_so_are_its_derivatives(
    shape: tuple[int, ...], eps: float
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(shape[-1], dtype=torch.float64, requires_grad=True)
    given = torch.randn(shape, dtype=torch.float64)
    pairs = []
    for form in (joined_rms_norm, norms.rms_norm):
        y = form(x, weight, eps)
        firsts = torch.autograd.grad(y, (x, weight), given, retain_graph=True)
        again = torch.autograd.grad(y, (x, weight), given, create_graph=True)
        seconds = torch.autograd.grad(sum(g.square().sum() for g in again), (x, weight))
        pairs.append((y, *firsts, *again, *seconds))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_the_joined_norm_takes_heads_that_are_not_rows_of_memory() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).transpose(1, 2).requires_grad_()
    weight = torch.randn(5, dtype=torch.float64, requires_grad=True)
    pairs = (
        (y := form(x, weight, 0.1), *torch.autograd.grad(y.sum(), (x, weight)))
        for form in (joined_rms_norm, norms.rms_norm)
    )
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_the_joined_norm_of_zeros_has_finite_gradients() -> None:
    x = torch.zeros(2, 5, requires_grad=True)
    weight = torch.ones(5, requires_grad=True)
    joined_rms_norm(x, weight, 1e-5).sum().backward()
    assert x.grad is not None and weight.grad is not None
    torch.testing.assert_close(x.grad, torch.full((2, 5), 1e5))  # w / ε
    assert not weight.grad.any()


@pytest.mark.parametrize("of_weight", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("of_x", [torch.float16, torch.bfloat16])
def test_the_joined_norm_of_16_bit_numbers_is_rounded_once(of_x: torch.dtype, of_weight: torch.dtype) -> None:
    torch.manual_seed(0)
    x, weight = (
        (30 * torch.randn(3, 64)).to(of_x).requires_grad_(),
        torch.randn(64).to(of_weight).requires_grad_(),
    )
    y = joined_rms_norm(x, weight, 1e-5)
    gradients = torch.autograd.grad(y, (x, weight), torch.ones_like(y))
    exact = [t.detach().double().requires_grad_() for t in (x, weight)]
    want = norms.rms_norm(exact[0], exact[1], 1e-5)
    wanted = torch.autograd.grad(want, exact, torch.ones_like(want))
    for got, to_be in zip((y, *gradients), (want, *wanted), strict=True):
        torch.testing.assert_close(got, to_be.to(got.dtype), rtol=2**-7, atol=1e-5)
    assert (y.dtype, *(g.dtype for g in gradients)) == (of_x, of_x, of_weight)


def test_where_launches_count_the_joined_norm_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    norm, x = RMSNorm(8, 1e-5), torch.randn(2, 3, 8)
    assert type(norm(x).grad_fn).__name__ != "JoinedRMSNormBackward"
    monkeypatch.setattr(norms, "counts_launches", lambda x: True)
    assert type(norm(x).grad_fn).__name__ == "JoinedRMSNormBackward"


def test_norms_by_name() -> None:
    kinds = [type(build_norm(kind, 4, 1e-3)).__name__ for kind in ("layer", "rms", "dyt", "none")]
    assert kinds == ["LayerNorm", "RMSNorm", "DynamicTanh", "Identity"]
    assert build_norm("layer", 4, 1e-3).eps == build_norm("rms", 4, 1e-3).eps == 1e-3


GAINS = [0.0, 1.0, 0.3, "0.0", "0.7"]  # text is a trainable gain


@pytest.mark.parametrize("beta", GAINS)
@pytest.mark.parametrize("alpha", GAINS)
def test_a_weighted_sum_is_its_formula_forward_and_backward(alpha: float | str, beta: float | str) -> None:
    torch.manual_seed(0)
    x, y = (torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    gains = [torch.tensor(float(g), dtype=torch.float64, requires_grad=True) for g in (alpha, beta)]
    given = [g if isinstance(t, str) else t for g, t in zip(gains, (alpha, beta), strict=True)]
    got, want = weighted_sum(x, given[0], y, given[1]), gains[0] * x + gains[1] * y
    torch.testing.assert_close(got, want, rtol=1e-14, atol=1e-14)
    wanted = [x, y, *(g for g in given if isinstance(g, Tensor))]
    weight = torch.randn_like(x)
    ours = torch.autograd.grad((got * weight).sum(), wanted, allow_unused=True)
    theirs = torch.autograd.grad((want * weight).sum(), wanted, allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(torch.zeros_like(other) if one is None else one, other)
    assert torch.equal(x.detach(), wanted[0].detach())


@pytest.mark.parametrize("value", [0.0, -0.4])
def test_gradients_of_a_gain_are_those_of_small_differences(value: float) -> None:
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    gain = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scale, (x, gain))
    strided = torch.randn(3, 2, dtype=torch.float64).T.requires_grad_()
    assert torch.autograd.gradcheck(scale, (strided, gain))


def test_the_gradient_of_a_gain_is_summed_in_float32() -> None:
    """4096 products of 1 add up to 4096, where bfloat16 stops at 256."""
    x, gain = torch.ones(4096, dtype=torch.bfloat16), torch.tensor(1.0, requires_grad=True)
    scale(x, gain).sum().backward()
    assert gain.grad is not None and gain.grad.item() == 4096


def test_gains_by_name() -> None:
    fixed, trained = Gains(False, one=0.5, two=None), Gains(True, one=0.5, two=None)
    trained.initialise_parameters()
    assert fixed("one") == 0.5 and fixed("two") == 0.0 and not list(fixed.parameters())
    assert isinstance(trained("one"), Tensor) and trained("one").item() == 0.5
    assert trained("two") == 0.0 and [name for name, _ in trained.named_parameters()] == ["one"]


def test_the_depth_rule() -> None:
    assert by_depth("depth", 18) == 0.1
    assert math.isclose(by_depth("depth", 72), 0.05) and math.isclose(by_depth("depth", 2), 0.3)
    assert by_depth(0.4, 72) == 0.4


def test_a_joined_sum_is_its_formula_and_so_are_its_derivatives() -> None:
    torch.manual_seed(0)
    x, y = (torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    beta = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    given, pairs = torch.randn(2, 3, 4, dtype=torch.float64), []
    for form in (joined_plus_scaled, plus_scaled):
        total = form(x, y, beta)
        firsts = torch.autograd.grad(total, (x, y, beta), given, retain_graph=True)
        again = torch.autograd.grad(total, (y, beta), given, create_graph=True)
        seconds = torch.autograd.grad(sum(g.square().sum() for g in again), (y, beta))
        pairs.append((total, *firsts, *seconds))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_joined_sum_of_16_bit_numbers_is_float32_and_gives_each_its_type() -> None:
    x, y = (torch.randn(2, 3).bfloat16().requires_grad_() for _ in range(2))
    beta = torch.tensor([0.7], requires_grad=True)
    pairs = []
    for form in (joined_plus_scaled, plus_scaled):
        total = form(x, y, beta)
        pairs.append((total, *torch.autograd.grad(total, (x, y, beta), torch.full_like(total, 0.3))))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other)
    assert pairs[0][0].dtype == torch.float32
