"""Layers of SRU++ against the formula in float64: what memory holds, how far a query sees."""

from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers import Site, SRUpp
from synthcli.model_config.recurrent import SRUppConfig

BATCH, LENGTH, D_MODEL, PROJECTION = 2, 5, 6, 4
LAYERS: dict[str, dict[str, Any]] = {
    "one head": {},
    "two heads": {"heads": 2},
    "no inner norm": {"inner_norm": False},
    "norm before": {"layer_norm": "before"},
    "memory from the stream": {"layer_norm": "before", "memory_from": "stream"},
    "another width": {"hidden": 5, "heads": 2},
    "no attention": {"attention_every": 2},
    "random": {"scores": [{"kind": "random"}], "heads": 2},
    "dense": {"scores": [{"kind": "dense", "input": "model", "hidden": 3}]},
    "random + dot-product": {"scores": [{"kind": "random"}, {"kind": "dot-product"}], "mix": "sum"},
}


def layer(name: str) -> SRUpp:
    torch.manual_seed(0)
    config = SRUppConfig.model_validate({"projection": PROJECTION, **LAYERS[name]})
    mixer = SRUpp(config, Site(D_MODEL, 4 * LENGTH, 4 * LENGTH)).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return mixer.eval()


def inputs(length: int = LENGTH, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(BATCH, length, D_MODEL, dtype=torch.float64, requires_grad=True)


def normed(norm: Any, x: Tensor) -> Tensor:
    """(x − mean) / √(variance + 10⁻⁵) ⊙ w + b."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def z_of(mixer: SRUpp, x: Tensor, is_memory: bool = False) -> Tensor:
    raw = is_memory and mixer.config.memory_from == "stream"
    return (x if raw or mixer.norm is None else normed(mixer.norm, x)) @ mixer.reduce.weight.T


def transformed(mixer: SRUpp, z: Tensor, past: Tensor | None, seen: Tensor) -> Tensor:
    """U = W_3 LN(α softmax(S) V + z); `seen` is (batch, queries, keys), the first keys being the past."""
    y = z
    if mixer.attention is not None:
        everything = z if past is None else torch.cat((past, z), 1)
        queries, keys, heads = z.shape[1], everything.shape[1], mixer.config.heads
        values, parts = everything @ mixer.attention.value.weight.T, []
        for h in range(heads):
            part = slice(h * PROJECTION // heads, (h + 1) * PROJECTION // heads)
            S = sum(_scores(mixer, score, z, everything, h, part) for score in mixer.attention.scores)
            powers = torch.where(seen, S.expand(BATCH, queries, keys), -torch.inf).exp()
            parts.append(powers / powers.sum(-1, keepdim=True) @ values[..., part])
        y = z + mixer.alpha * torch.cat(parts, -1)
    y = y if mixer.inner_norm is None else normed(mixer.inner_norm, y)
    return y @ mixer.expand.weight.T


def _scores(mixer: SRUpp, score: Any, z: Tensor, everything: Tensor, h: int, part: slice) -> Tensor:
    """The scores of one head; positions count from the first key."""
    queries, keys = z.shape[1], everything.shape[1]
    if score.reads_keys:
        key = everything @ score.key.weight.T
        return z[..., part] @ key[..., part].mT / (PROJECTION / mixer.config.heads) ** 0.5
    if not score.reads_queries:
        return score.table[h, keys - queries : keys, :keys]
    hidden = torch.relu(z @ score.inputs.weight[0].T + score.inputs.bias[0])
    return hidden @ score.weight[h, :keys].T + score.bias[h, :keys]


def banded(queries: int, keys: int, window: int | None = None, causal: bool = True) -> Tensor:
    """True where a query may see a key; the queries are the last of the keys."""
    rows = [
        [
            (j <= i + keys - queries or not causal) and (window is None or i + keys - queries - j <= window)
            for j in range(keys)
        ]
        for i in range(queries)
    ]
    return torch.tensor(rows).expand(BATCH, -1, -1)


def assert_same_with_gradients(mixer: SRUpp, x: Tensor, got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    wanted, weight = [x, *mixer.parameters()], torch.randn_like(got)
    pairs = (torch.autograd.grad((u * weight).sum(), wanted, allow_unused=True) for u in (got, want))
    for one, other in zip(*pairs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def u_of(mixer: SRUpp, x: Tensor, context: Context, memory: Tensor | None = None) -> Tensor:
    """U as a layer makes it of its inputs and of what it remembers."""
    norm = mixer.norm if mixer.config.layer_norm == "before" else None
    remembered = mixer.recall_memory(memory, norm)
    return mixer.transform(x if norm is None else norm(x), x, context, remembered)[0]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_transform_is_the_formula(name: str, causal: bool) -> None:
    mixer, x = layer(name), inputs()
    want = transformed(mixer, z_of(mixer, x), None, banded(LENGTH, LENGTH, causal=causal))
    assert_same_with_gradients(mixer, x, u_of(mixer, x, Context(causal=causal)), want)


@pytest.mark.parametrize("name", LAYERS)
def test_training_sees_its_segment_and_the_whole_one_before(name: str) -> None:
    """Memory is projected by today's weights, which learn from it; no gradient enters it."""
    mixer, segments = layer(name).train(), [inputs(length, length) for length in (4, 3, LENGTH)]
    state, start = mixer.initial_state(), 0
    for x in segments[:2]:
        _, state = mixer(x, Context(start, causal=True), state)
        start += x.shape[1]
    before, x = segments[1].detach(), segments[2]
    past = None
    if mixer.attention is None:
        assert state.memory is None
    else:
        assert torch.equal(state.memory, before) and not state.memory.requires_grad
        past = z_of(mixer, before, is_memory=True)
    want = transformed(mixer, z_of(mixer, x), past, banded(LENGTH, LENGTH if past is None else LENGTH + 3))
    got = u_of(mixer, x, Context(start, causal=True), state.memory)
    assert_same_with_gradients(mixer, x, got, want)


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "no attention"])
@pytest.mark.parametrize("window", [None, 0, 1, 3, 7, 20])
def test_a_query_sees_the_window_and_itself_in_evaluation(name: str, window: int | None) -> None:
    mixer, x = layer(name), inputs(2 * LENGTH).detach()
    context = Context(causal=True, window=window)
    z, old = z_of(mixer, x), z_of(mixer, x, is_memory=True)[:, :LENGTH]
    got = u_of(mixer, x, context)
    torch.testing.assert_close(
        got, transformed(mixer, z, None, banded(10, 10, window)), rtol=1e-11, atol=1e-11
    )
    _, state = mixer(x[:, :LENGTH], context, mixer.initial_state())
    kept = LENGTH if window is None else min(window, LENGTH)
    torch.testing.assert_close(state.memory, old[:, LENGTH - kept :], rtol=1e-12, atol=1e-12)
    got = u_of(mixer, x[:, LENGTH:], Context(LENGTH, True, window=window), state.memory)
    seen = banded(LENGTH, kept + LENGTH, window)
    want = transformed(mixer, z[:, LENGTH:], old[:, LENGTH - kept :], seen)
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["one head", "random", "norm before"])
def test_padding_and_documents_of_the_memory_are_not_seen(name: str) -> None:
    """Both cover all positions from the first; memory is the 3 positions before the queries."""
    mixer, x = layer(name).train(), inputs()
    before, start = inputs(3, 1).detach(), 4
    padding = torch.zeros(BATCH, start + LENGTH, dtype=torch.bool)
    padding[0, :3] = True
    documents = torch.tensor([[0] * 9, [0, 0, 0, 1, 1, 1, 1, 2, 2]])
    past, seen = z_of(mixer, before, is_memory=True), banded(LENGTH, LENGTH + 3).clone()
    seen[0, :, :2] = False
    seen[1] &= documents[1, start:, None] == documents[1, 1:]
    got = u_of(mixer, x, Context(start, True, padding, documents=documents), before)
    assert_same_with_gradients(mixer, x, got, transformed(mixer, z_of(mixer, x), past, seen))


def test_the_layer_is_the_transform_and_the_recurrence() -> None:
    """With two steps the recurrence is short enough to write out."""
    mixer, x = layer("one head"), inputs(2).detach()
    u = transformed(mixer, z_of(mixer, x), None, banded(2, 2)).unflatten(-1, (3, D_MODEL))
    (v_f, v_r), (b_f, b_r) = mixer.weight_c, mixer.bias
    c, rows = torch.zeros(BATCH, D_MODEL, dtype=torch.float64), []
    for t in range(2):
        f, r = torch.sigmoid(u[:, t, 1] + v_f * c + b_f), torch.sigmoid(u[:, t, 2] + v_r * c + b_r)
        c = f * c + (1 - f) * u[:, t, 0]
        rows.append(r * c + (1 - r) * x[:, t])
    y, _ = mixer(x, Context(causal=True))
    torch.testing.assert_close(y, torch.stack(rows, 1), rtol=1e-12, atol=1e-12)


PLACES = [
    ({}, 4, [0, 1, 2, 3]),
    ({"attention_every": 2}, 5, [1, 3]),
    ({"attention_every": 5}, 10, [4, 9]),
    ({"attention_every": 5}, 4, []),
    ({"attention_last": 0}, 3, []),
    ({"attention_last": 1}, 10, [9]),
    ({"attention_last": 3}, 4, [1, 2, 3]),
    ({"attention_last": 9}, 2, [0, 1]),
]


@pytest.mark.parametrize(("table", "layers", "places"), PLACES)
def test_where_attention_stands(table: dict[str, Any], layers: int, places: list[int]) -> None:
    config = SRUppConfig.model_validate({"projection": PROJECTION, **table})
    mixers = [SRUpp(config, Site(D_MODEL, 8, 8, layer=i, layers=layers)) for i in range(layers)]
    assert [i for i, mixer in enumerate(mixers) if mixer.attention is not None] == places
    assert all((mixer.alpha is None) == (mixer.attention is None) for mixer in mixers)
