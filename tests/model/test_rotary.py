"""Rotary positions against rotations written out, one pair of coordinates at a time, in float64."""

import math

import pytest
import torch
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site
from synthcli.model.scores.rotary import rotate
from synthcli.model_config.attention import AttentionConfig

from .small_models import model_of

BATCH, HEADS, LENGTH = 2, 3, 5


def by_the_formula(x: Tensor, start: int) -> Tensor:
    """(a, b) → (a cos θ − b sin θ, a sin θ + b cos θ), θ = position · 10000^(−2i/d)."""
    result, pairs = x.clone(), x.shape[-1] // 2
    for t in range(x.shape[2]):
        for i in range(pairs):
            angle = (start + t) * 10_000 ** (-2 * i / (2 * pairs))
            a, b = x[:, :, t, i], x[:, :, t, i + pairs]
            result[:, :, t, i] = a * math.cos(angle) - b * math.sin(angle)
            result[:, :, t, i + pairs] = a * math.sin(angle) + b * math.cos(angle)
    return result


@pytest.mark.parametrize("start", [0, 3, 1000])
@pytest.mark.parametrize("d_head", [1, 2, 5, 8])
def test_it_is_the_formula_forward_and_backward(d_head: int, start: int) -> None:
    """The last coordinate of an odd width stands still."""
    torch.manual_seed(0)
    x = torch.randn(BATCH, HEADS, LENGTH, d_head, dtype=torch.float64, requires_grad=True)
    got, want = rotate(x, start), by_the_formula(x, start)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-11)
    weight = torch.randn_like(got)
    ours, theirs = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (got, want))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-11)


def test_lengths_stay_and_products_depend_on_distances() -> None:
    q, k = (torch.randn(1, 1, 1, 6, dtype=torch.float64) for _ in range(2))
    torch.testing.assert_close(rotate(q, 17).norm(), q.norm())
    products = [(rotate(q, start + 4) * rotate(k, start)).sum() for start in (0, 1, 90)]
    torch.testing.assert_close(products[0], products[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(products[0], products[2], rtol=1e-10, atol=1e-10)
    assert (products[0] - (rotate(q, 5) * rotate(k, 0)).sum()).abs() > 1e-3


def test_16_bit_numbers_turn_by_angles_of_float32() -> None:
    """Position 1001 is no bfloat16."""
    x = torch.randn(1, 1, 1, 8).bfloat16()
    assert rotate(x, 1001).dtype == torch.bfloat16
    torch.testing.assert_close(rotate(x, 1001), rotate(x.double(), 1001).bfloat16(), rtol=2**-7, atol=2**-8)


@pytest.mark.parametrize("qk_norm", ["none", "rms"])
def test_attention_turns_queries_and_keys_and_nothing_else(qk_norm: str) -> None:
    """After their norm, by their own positions; values stay."""
    torch.manual_seed(0)
    config = AttentionConfig.model_validate(
        {"heads": HEADS, "scores": [{"kind": "dot-product", "qk_norm": qk_norm}]}
    )
    attention = Attention(config, Site(12, 9, 9, rotary=True)).double().eval()
    score = attention.scores[0]
    x = torch.randn(BATCH, LENGTH, 12, dtype=torch.float64)
    split = lambda t: t.view(BATCH, LENGTH, HEADS, 4).transpose(1, 2)  # noqa: E731
    q = by_the_formula(score.query_norm(split(score.query(x))), 0)
    k = by_the_formula(score.key_norm(split(score.key(x))), 0)
    weights = (q @ k.mT / 2).masked_fill(torch.ones(LENGTH, LENGTH).triu(1).bool(), -torch.inf).softmax(-1)
    want = attention.output((weights @ split(attention.value(x))).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, Context(causal=True))[0], want, rtol=1e-12, atol=1e-12)


def test_cross_attention_does_not_turn() -> None:
    site = Site(12, 9, 9, is_cross=True, rotary=True)
    assert not Attention(AttentionConfig(heads=HEADS), site).scores[0].rotary


def test_a_rotary_model_has_no_table_of_positions_and_no_longest_text() -> None:
    model = model_of("pre-norm", {}, embeddings={"positions": "rotary"})
    assert model.embeddings.positions is None
    tokens = torch.randint(11, (2, 20))  # `max_length` is 8
    logits, _ = model(tokens)
    pieces, state = [], model.initial_state()
    for piece in tokens.split([3, 1, 9, 7], 1):
        part, state = model(piece, state=state)
        pieces.append(part)
    torch.testing.assert_close(torch.cat(pieces, 1), logits, rtol=1e-10, atol=1e-10)


def test_a_rotary_model_knows_the_order_of_words() -> None:
    """Without positions attention without causality does not."""
    tokens = torch.tensor([[3, 7, 1, 5]])
    task = {"task": "masked-lm", "decoder": None, "encoder": {"layers": 2, "max_length": 8}}
    for positions, knows in (("none", False), ("rotary", True)):
        model = model_of("pre-norm", {}, embeddings={"positions": positions}, **task)
        swapped = model(tokens[:, [1, 0, 2, 3]])[:, 3]
        assert torch.allclose(swapped, model(tokens)[:, 3], rtol=0, atol=1e-9) != knows


def test_keys_of_the_unnormalised_stream_turn_with_their_own_position() -> None:
    block = {"kind": "pre-norm", "values_from": "stream"}
    model = model_of(block, {}, embeddings={"positions": "rotary"})
    tokens = torch.randint(11, (2, 8))
    pieces, state = [], model.initial_state()
    for piece in tokens.split([3, 1, 4], 1):
        part, state = model(piece, state=state)
        pieces.append(part)
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens)[0], rtol=1e-10, atol=1e-10)
