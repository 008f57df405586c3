"""Shaped attention against (α I + β A − γ C) V with its three matrices written out, in float64."""

import pytest
import torch
from torch import Tensor

from synthcli.model import select_state
from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site
from synthcli.model.mixers.attention import AttentionState
from synthcli.model_config.attention import AttentionConfig

from .shaped_formula import BATCH, D_MODEL, HEADS, LENGTH, SHAPINGS, by_the_formula, inputs, shaped


def assert_same_with_gradients(attention: Attention, x: Tensor, y: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-12)
    wanted = [x, *(p for p in attention.parameters() if p.requires_grad)]
    weight = torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted)
    reference = torch.autograd.grad((want * weight).sum(), wanted)
    for g, r in zip(got, reference, strict=True):
        torch.testing.assert_close(g, r, rtol=1e-10, atol=1e-10)


def _padding(*padded: slice) -> Tensor:
    mask = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
    for row, part in zip(mask, padded, strict=True):
        row[part] = True
    return mask


RIGHT = _padding(slice(4, None), slice(6, None), slice(0, 0))
LEFT = _padding(slice(0, 3), slice(0, 1), slice(0, 0))
ALL = _padding(slice(2, 2), slice(0, None), slice(0, 2))
DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6], [4, 4, 4, 4, 4, 4, 9]])

SITUATIONS = {
    "causal": Context(causal=True),
    "encoder": Context(),
    "causal, right-padded": Context(causal=True, key_padding=RIGHT),
    "causal, left-padded": Context(causal=True, key_padding=LEFT),
    "causal, one row all padding": Context(causal=True, key_padding=ALL),
    "encoder, right-padded": Context(key_padding=RIGHT),
    "encoder, left-padded": Context(key_padding=LEFT),
    "encoder, one row all padding": Context(key_padding=ALL),
    "causal, packed": Context(causal=True, documents=DOCUMENTS),
    "encoder, packed": Context(documents=DOCUMENTS),
    "causal, packed and padded": Context(causal=True, documents=DOCUMENTS, key_padding=RIGHT),
    "encoder, packed and padded": Context(documents=DOCUMENTS, key_padding=RIGHT),
    "causal, window": Context(causal=True, window=2),
    "causal, window and padding": Context(causal=True, window=2, key_padding=LEFT),
    "causal, window and packed": Context(causal=True, window=1, documents=DOCUMENTS),
}


@pytest.mark.parametrize("shaping", SHAPINGS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_is_the_formula_forward_and_backward(situation: str, shaping: str) -> None:
    attention, x, context = shaped(SHAPINGS[shaping]), inputs(), SITUATIONS[situation]
    y, _ = attention(x, context)
    assert_same_with_gradients(attention, x, y, by_the_formula(attention, x, context))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
def test_every_length_is_the_formula(length: int, causal: bool) -> None:
    """Running sums work in pieces of 32."""
    attention, x, context = shaped({}), inputs(length), Context(causal=causal)
    y, _ = attention(x, context)
    assert_same_with_gradients(attention, x, y, by_the_formula(attention, x, context))


VALUES = {
    "full": "full",
    "from the identity": {"kind": "residual"},
    "constant gains": {"kind": "residual", "init": "normal", "trainable_gains": False, "residual": 0.5},
}


@pytest.mark.parametrize("value", VALUES)
def test_every_value_projection_is_the_formula(value: str) -> None:
    attention, x, context = shaped({}, VALUES[value]), inputs(), Context(causal=True)
    y, _ = attention(x, context)
    assert_same_with_gradients(attention, x, y, by_the_formula(attention, x, context))


@pytest.mark.parametrize("causal", [False, True])
def test_heads_may_have_another_width_than_their_share(causal: bool) -> None:
    attention, x, context = shaped({}, "full", d_head=5), inputs(), Context(causal=causal)
    y, _ = attention(x, context)
    assert_same_with_gradients(attention, x, y, by_the_formula(attention, x, context))


@pytest.mark.parametrize("shaping", SHAPINGS)
@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s.startswith("causal")])
def test_decoding_in_pieces_is_the_formula(situation: str, shaping: str) -> None:
    attention, x, whole = shaped(SHAPINGS[shaping]), inputs().detach(), SITUATIONS[situation]
    pieces, start, state = [], 0, attention.initial_state()
    for size in (2, 1, 3, 1):
        end = start + size
        padding = None if whole.key_padding is None else whole.key_padding[:, :end]
        documents = None if whole.documents is None else whole.documents[:, :end]
        context = Context(start, True, padding, None, documents, whole.window)
        y, state = attention(x[:, start:end], context, state)
        pieces.append(y)
        start = end
    want = by_the_formula(attention, x, whole)
    torch.testing.assert_close(torch.cat(pieces, 1), want, rtol=1e-12, atol=1e-12)


def test_the_state_of_decoding_holds_the_sum_of_real_values_and_their_number() -> None:
    attention, x = shaped({}), inputs().detach()
    _, state = attention(x[:, :4], Context(causal=True, key_padding=LEFT[:, :4]), AttentionState())
    _, state = attention(x[:, 4:], Context(4, True, LEFT), state)
    values = x @ attention.value.merge_weight().T + attention.value.bias
    real = (~LEFT)[..., None]
    torch.testing.assert_close(state.total[:, 0, :-1], (values * real).sum(1), rtol=1e-12, atol=1e-12)
    assert state.total[:, 0, -1].tolist() == real.sum((1, 2)).tolist() == [4, 6, 7]


def test_rows_of_a_state_may_be_taken_anew() -> None:
    """Beam search reorders and repeats rows."""
    attention, x = shaped({}), inputs().detach()
    order = torch.tensor([2, 0, 0])
    _, state = attention(x[:, :4], Context(causal=True), AttentionState())
    y, _ = attention(x[order, 4:], Context(4, True), select_state(state, order))
    want = by_the_formula(attention, x[order], Context(causal=True))[:, 4:]
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_every_head_starts_as_the_identity(causal: bool) -> None:
    """W_q = 0 makes A = C, and α = β = γ = 1 leaves V."""
    table = {"heads": HEADS, "shaping": {}, "value": "identity", "output": "identity"}
    config = AttentionConfig.model_validate(
        {**table, "scores": [{"kind": "dot-product", "zero_query": True}]}
    )
    attention = Attention(config, Site(D_MODEL, LENGTH, LENGTH)).double().eval()
    for module in attention.modules():
        if hasattr(module, "initialise_parameters"):
            module.initialise_parameters()
    torch.nn.init.zeros_(attention.scores[0].query.bias)
    x = inputs()
    for context in (Context(causal=causal), Context(causal=causal, documents=DOCUMENTS)):
        torch.testing.assert_close(attention(x, context)[0], x, rtol=1e-12, atol=1e-12)
