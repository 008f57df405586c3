"""Attention against the formula written out per element, in float64, forward and backward."""

import math

import pytest
import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site
from synthcli.model.scores import SCORES
from synthcli.model_config.attention import AttentionConfig

BATCH, LENGTH, D_MODEL, HEADS, LIMIT = 3, 7, 12, 3, 12


def _attention(mix: str, *kinds: dict[str, object]) -> Attention:
    config = AttentionConfig.model_validate({"heads": HEADS, "scores": kinds, "mix": mix})
    attention = Attention(config, Site(D_MODEL, LIMIT, LIMIT)).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    return attention.eval()


def _by_the_formula(attention: Attention, x: Tensor, causal: bool, padding: Tensor | None) -> Tensor:
    """softmax over the visible keys, one query at a time; a query without keys gives 0."""
    heads_of = lambda t: t.view(BATCH, LENGTH, HEADS, -1)  # noqa: E731
    values, result = heads_of(attention.value(x)), torch.zeros_like(x).view(BATCH, LENGTH, HEADS, -1)
    rows = [
        score(x, score.project_keys(x), 0, LENGTH).expand(BATCH, HEADS, LENGTH, LENGTH)
        for score in attention.scores
    ]
    alpha = torch.ones(HEADS, len(rows), dtype=x.dtype)
    if attention.mixing is not None and attention.mixing.coefficients() is not None:
        alpha = attention.mixing.coefficients()
    for b in range(BATCH):
        for h in range(HEADS):
            for i in range(LENGTH):
                seen = [
                    j
                    for j in range(LENGTH)
                    if (j <= i or not causal) and (padding is None or not padding[b, j])
                ]
                s = (
                    torch.stack(
                        [sum(alpha[h, n] * row[b, h, i, j] for n, row in enumerate(rows)) for j in seen]
                    )
                    if seen
                    else None
                )
                if s is not None:
                    result[b, i, h] = (s.softmax(0)[:, None] * values[b, seen, h]).sum(0)
    return attention.output(result.flatten(2))


MIXES = {
    "dot-product": ("sum", {"kind": "dot-product"}),
    "dense": ("sum", {"kind": "dense"}),
    "random": ("sum", {"kind": "random"}),
    "factorized-dense": ("sum", {"kind": "factorized-dense"}),
    "random + dot-product": ("softmax", {"kind": "random"}, {"kind": "dot-product"}),
    "dot-product + dense, gate": ("gate", {"kind": "dot-product"}, {"kind": "dense"}),
    "random + factorized-random": ("softmax", {"kind": "random"}, {"kind": "factorized-random"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", MIXES)
def test_every_form_equals_the_formula_forward_and_backward(name: str, causal: bool, padded: bool) -> None:
    torch.manual_seed(0)
    mix, *kinds = MIXES[name]
    attention = _attention(mix, *kinds)
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    padding = None
    if padded:
        padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
        padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
    y, _ = attention(x, Context(causal=causal, key_padding=padding))
    want = _by_the_formula(attention, x, causal, padding)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)

    wanted = [p for p in (x, *attention.parameters()) if p.requires_grad]
    weight = torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted, allow_unused=True)
    reference = torch.autograd.grad((want * weight).sum(), wanted, allow_unused=True)
    for g, r in zip(got, reference, strict=True):
        torch.testing.assert_close(g, r, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", MIXES)
def test_the_map_times_the_values_is_what_attention_returns(name: str, causal: bool) -> None:
    torch.manual_seed(1)
    mix, *kinds = MIXES[name]
    attention = _attention(mix, *kinds)
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    padding = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
    padding[0, 4:], padding[1, :2], padding[2] = True, True, True  # right, left, all
    context = Context(causal=causal, key_padding=padding)
    found = attention.attention_map(x, context)
    sees = torch.ones(LENGTH, LENGTH).tril().bool() if causal else torch.ones(LENGTH, LENGTH).bool()
    seen = (sees & ~padding[:, None]).any(-1)[:, None].expand(BATCH, HEADS, LENGTH)
    torch.testing.assert_close(found.sum(-1), seen.double())
    values = attention.value(x).unflatten(2, (HEADS, -1))
    y = attention.output(torch.einsum("bhqk,bkhd->bqhd", found, values).flatten(2))
    expected, _ = attention(x, context)
    torch.testing.assert_close(y, expected)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    (theirs,) = torch.autograd.grad(expected.square().sum(), x)
    torch.testing.assert_close(gradient, theirs)


def test_the_map_of_a_step_is_the_last_row_of_the_whole() -> None:
    torch.manual_seed(2)
    attention = _attention("sum", {"kind": "dot-product"})
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    _, state = attention(x[:, :-1], Context(causal=True), attention.initial_state())
    step = attention.attention_map(x[:, -1:], Context(LENGTH - 1, causal=True), state)
    whole = attention.attention_map(x, Context(causal=True))
    torch.testing.assert_close(step, whole[:, :, -1:])


def test_dot_product_scores_are_scaled_by_the_width_of_a_head() -> None:
    score = _attention("sum", {"kind": "dot-product"}).scores[0]
    x = torch.randn(BATCH, LENGTH, D_MODEL, dtype=torch.float64)
    d_head = D_MODEL // HEADS
    query, key = (layer(x)[0, 2, d_head : 2 * d_head] for layer in (score.query, score.key))
    got = score(x, score.project_keys(x), 0, LENGTH)[0, 1, 2, 2]
    torch.testing.assert_close(got, (query * key).sum() / math.sqrt(d_head))


def test_factorized_dense_makes_every_product_once() -> None:
    """With both factors tiled only lcm(a, b) of the ab products would exist."""
    score = _attention("sum", {"kind": "factorized-dense", "a": 2}).scores[0]
    x = torch.randn(1, 1, D_MODEL, dtype=torch.float64)
    row = score(x, None, 0, LIMIT)[0, 0, 0]
    both = score.inputs(x, score.weight, score.bias)[0, 0, 0]
    A, B = both[:2], both[2:]
    assert sorted(row.tolist()) == sorted((A[:, None] * B).flatten().tolist())
    assert len({round(v, 12) for v in row.tolist()}) == LIMIT
    torch.testing.assert_close(row, B.repeat_interleave(2) * A.repeat(6))


UNLIMITED = ("dot-product", "relative")


@pytest.mark.parametrize("kind", [k for k in SCORES if k not in UNLIMITED])
def test_a_synthesizer_refuses_a_sequence_longer_than_its_table(kind: str) -> None:
    attention = _attention("sum", {"kind": kind})
    with pytest.raises(SynthError) as error:
        attention(torch.randn(1, LIMIT + 1, D_MODEL, dtype=torch.float64), Context())
    assert error.value.message == "a sequence of 13 positions is longer than this model's `max_length = 12`"


@pytest.mark.parametrize("kind", UNLIMITED)
def test_scores_that_compare_queries_with_keys_have_no_limit(kind: str) -> None:
    attention = _attention("sum", {"kind": kind})
    y, _ = attention(torch.randn(1, LIMIT + 5, D_MODEL, dtype=torch.float64), Context(causal=True))
    assert y.shape == (1, LIMIT + 5, D_MODEL)


def test_a_pure_synthesizer_owns_no_query_and_no_key_and_caches_no_key() -> None:
    attention = _attention("sum", {"kind": "random"})
    assert sorted(name.split(".")[0] for name, _ in attention.named_parameters()) == [
        "output", "output", "scores", "value", "value",
    ]  # fmt: skip
    state = Attention(attention.config, Site(D_MODEL, LIMIT, LIMIT)).eval()
    from synthcli.model.mixers.attention import AttentionState

    _, kept = state(torch.randn(2, 3, D_MODEL), Context(causal=True), AttentionState())
    assert kept.keys == (None,) and kept.values.shape == (2, HEADS, 3, D_MODEL // HEADS)


def test_a_fixed_random_score_trains_nothing_and_is_saved() -> None:
    attention = _attention("sum", {"kind": "random", "trainable": False})
    assert not attention.scores[0].table.requires_grad
    assert "scores.0.table" in attention.state_dict()
