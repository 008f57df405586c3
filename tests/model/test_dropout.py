"""Our dropout against what defines dropout."""

import pytest
import torch

from synthcli.model.dropout import Dropout, dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_elements_vanish_at_the_rate_and_the_rest_is_scaled(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(1000, 1001, dtype=dtype), rate)
    assert y.dtype == dtype
    assert set(y.unique().tolist()) == {0.0, y.max().item()}
    assert y.max().item() == pytest.approx(1 / (1 - rate), rel=1e-2 if dtype == torch.bfloat16 else 2e-4)
    # four standard deviations of a mean over a million elements
    assert (y == 0).double().mean().item() == pytest.approx(
        rate, abs=4 * (rate * (1 - rate) / 1e6) ** 0.5 + 1e-5
    )


def test_neighbours_cut_out_of_one_draw_are_independent() -> None:
    torch.manual_seed(1)
    zero = (dropout(torch.ones(250_000, 4), 0.3) == 0).double()
    covariance = torch.cov(zero.T) - torch.diag(torch.full((4,), 0.21, dtype=torch.float64))
    assert covariance.abs().max().item() < 4 * 0.21 / 500


def test_the_gradient_passes_where_the_value_did() -> None:
    x = torch.randn(64, 3, requires_grad=True)
    y = dropout(x, 0.5)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(y == 0, 0.0, 2.0))


def test_it_follows_the_seed_and_rests_in_evaluation() -> None:
    layer, x = Dropout(0.4), torch.randn(50)
    torch.manual_seed(3)
    first = layer(x)
    torch.manual_seed(3)
    assert torch.equal(first, layer(x))
    assert layer.eval()(x) is x
