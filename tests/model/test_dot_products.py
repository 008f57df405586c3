"""The forms of attention by dot products compute the same, forward and backward; shape and device choose."""

from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model.mixers import dot_products
from synthcli.model.mixers.dot_products import FORMS, Form, attend_fused, form_for
from synthcli.model.mixers.masks import additive_mask

QUERIES, KEYS, WIDTH = 5, 9, 24


def drawn(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def visible(keys: int) -> Tensor:
    """A memory before the queries, causal, with a row padded at its start."""
    seen = torch.ones(QUERIES, keys, dtype=torch.bool).tril(keys - QUERIES)[None, None].repeat(2, 1, 1, 1)
    seen[1, :, :, :2] = False
    return seen


def run(form: Form, mask: Tensor | None, is_causal: bool, keys: int, dtype: torch.dtype) -> list[Tensor]:
    """Return the values attended to, and the gradients by query, key and value."""
    inputs = [drawn(2, 1, length, WIDTH, dtype=dtype, seed=length) for length in (QUERIES, keys, keys)]
    y = FORMS[form](*inputs, mask, 0.0, is_causal)
    weights = drawn(*y.shape, dtype=dtype, seed=7).detach()
    return [y.detach(), *torch.autograd.grad(y, inputs, weights)]


CASES: dict[str, tuple[Any, bool, int]] = {
    "all keys": (None, False, KEYS),
    "causal": (None, True, QUERIES),
    "a mask": (visible(KEYS), False, KEYS),
    "a mask that is added": (additive_mask(visible(KEYS), torch.float64), False, KEYS),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["math", "products"])
def test_every_form_gives_the_same_values_and_gradients(form: Form, case: str) -> None:
    mask, is_causal, keys = CASES[case]
    expected = run("fused", mask, is_causal, keys, torch.float64)
    for got, want in zip(run(form, mask, is_causal, keys, torch.float64), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_in_narrow_numbers_every_form_is_near_the_exact_one(form: Form) -> None:
    mask = visible(KEYS)
    exact = run("fused", mask, False, KEYS, torch.float64)
    for got, want in zip(run(form, mask, False, KEYS, torch.bfloat16), exact, strict=True):
        assert got.dtype == torch.bfloat16
        torch.testing.assert_close(got.double(), want, rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("form", FORMS)
def test_a_query_that_sees_no_key_gets_nothing(form: Form) -> None:
    mask = visible(KEYS)
    mask[0, :, 2] = False
    y, *gradients = run(form, mask, False, KEYS, torch.float64)
    assert (y[0, :, 2] == 0).all() and (y[1, :, 2] != 0).all()
    assert all(gradient.isfinite().all() for gradient in gradients)


class Elsewhere:
    """A tensor as far as the choice looks."""

    def __init__(self, width: int, kind: str) -> None:
        self.shape, self.device = (4, 1, 8, width), torch.device(kind)


def test_the_switch_is_for_wide_heads_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {
        "wide": Elsewhere(768, "cuda"),
        "narrow": Elsewhere(256, "cuda"),
        "host": Elsewhere(768, "cpu"),
    }
    assert {form_for(one) for one in asked.values()} == {"fused"}  # until a GPU has timed them
    monkeypatch.setattr(dot_products, "WIDE_FORM", "products")
    assert {name: form_for(one) for name, one in asked.items()} == {
        "wide": "products",
        "narrow": "fused",
        "host": "fused",
    }


def test_attention_goes_through_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dot_products, "form_for", lambda query: "products")
    monkeypatch.setitem(FORMS, "products", lambda *given: given[0] * 2)
    query = drawn(1, 1, 2, 3)
    assert torch.equal(attend_fused(query, query, query, None, 0.0, True), query * 2)
