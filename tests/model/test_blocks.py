"""Blocks against their equations: gains, norms, and how skipless layers start."""

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from synthcli.model.context import Context

from .small_models import D_MODEL, model_of


@pytest.mark.parametrize(
    ("block", "gains"),
    [
        ("pre-norm", {"mixer_skip": 0.9, "mixer_residual": 0.8, "feed_forward_skip": 0.7}),
        ("post-norm", {"mixer_skip": 0.9, "mixer_residual": 0.8, "feed_forward_residual": 0.7}),
        ("parallel", {"skip": 0.9, "mixer_residual": 0.8, "feed_forward_residual": "depth"}),
        ("skipless", {}),
        ("skipless", {"mixer_skip": 0.0, "feed_forward_skip": None}),
        ("skipless-parallel", {}),
        ("skipless-parallel", {"skip": 0.0, "feed_forward_residual": "depth"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("trainable", [False, True])
def test_a_block_is_its_equation(block: str, gains: dict[str, Any], trainable: bool) -> None:
    model = model_of({"kind": block, **gains, "trainable_gains": trainable}, {})
    default = 0.1 if block.startswith("skipless") else 1.0
    values: dict[str, Any] = {
        "mixer_skip": None if block == "skipless" else 1.0,
        "skip": None if block == "skipless-parallel" else 1.0,
        "mixer_residual": 1.0,
        "feed_forward_skip": 1.0,
        "feed_forward_residual": default,
        **gains,
    }
    if values["feed_forward_residual"] == "depth":
        values["feed_forward_residual"] = 0.1 * math.sqrt(18 / 3)
    named = {key: 0.0 if value is None else value for key, value in values.items()}
    x = torch.randn(2, 5, D_MODEL, dtype=torch.float64)
    context, layer = Context(causal=True), model.decoder.blocks[1]
    mixer, feed_forward = lambda h: layer.mixer(h, context)[0], layer.feed_forward
    if "parallel" in block:
        h = layer.norm(x)
        want = named["skip"] * x + named["mixer_residual"] * mixer(h)
        want = want + named["feed_forward_residual"] * feed_forward(h)
    elif block == "post-norm":
        a = layer.mixer_norm(named["mixer_skip"] * x + named["mixer_residual"] * mixer(x))
        fed = named["feed_forward_residual"] * feed_forward(a)
        want = layer.feed_forward_norm(named["feed_forward_skip"] * a + fed)
    else:
        a = named["mixer_skip"] * x + named["mixer_residual"] * mixer(layer.mixer_norm(x))
        fed = named["feed_forward_residual"] * feed_forward(layer.feed_forward_norm(a))
        want = named["feed_forward_skip"] * a + fed
    got, _ = layer(x, context, None, None)
    # gains are drawn in float32, where 0.1 has seven digits
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("norm", ["rms", "none"])
@pytest.mark.parametrize("block", ["pre-norm", "skipless", "parallel", "skipless-parallel"])
def test_a_skip_from_the_norm_starts_behind_it(block: str, norm: str) -> None:
    """The first layer keeps a LayerNorm, so that a skip from the norm differs there without norms too."""
    skip = {"skip": 0.6} if "parallel" in block else {"mixer_skip": 0.6}
    table = {"kind": block, "norm": norm, "skip_from": "norm", **skip, "trainable_gains": False}
    model = model_of(table, {})
    x, context = torch.randn(2, 5, D_MODEL, dtype=torch.float64), Context(causal=True)
    for layer in model.decoder.blocks:
        beta = 0.1 if block.startswith("skipless") else 1.0
        if "parallel" in block:
            h = layer.norm(x)
            want = 0.6 * h + layer.mixer(h, context)[0] + beta * layer.feed_forward(h)
        else:
            h = layer.mixer_norm(x)
            a = layer.feed_forward_norm(0.6 * h + layer.mixer(h, context)[0])
            want = a + beta * layer.feed_forward(a)
        torch.testing.assert_close(layer(x, context, None, None)[0], want)


@pytest.mark.parametrize("norm", ["layer", "rms", "dyt", "none"])
def test_without_norms_the_first_and_the_last_stay(norm: str) -> None:
    model = model_of({"kind": "pre-norm", "norm": norm}, {})
    kinds = [type(block.mixer_norm).__name__ for block in model.decoder.blocks]
    name = {"layer": "LayerNorm", "rms": "RMSNorm", "dyt": "DynamicTanh", "none": "Identity"}[norm]
    assert kinds == [name if norm != "none" else "LayerNorm", name, name]
    assert [type(block.feed_forward_norm).__name__ for block in model.decoder.blocks] == [name] * 3
    assert type(model.decoder.norm).__name__ == "LayerNorm"


def test_norm_eps_of_a_block_is_the_model_s_unless_it_has_its_own() -> None:
    for block, eps in (({"kind": "pre-norm", "norm_eps": 0.5}, 0.5), ("pre-norm", 0.25)):
        model = model_of(block, {}, norm_eps=0.25)
        assert model.decoder.blocks[1].mixer_norm.eps == model.decoder.blocks[0].feed_forward_norm.eps == eps
        assert model.decoder.norm.eps == 0.25


def test_a_skip_that_starts_closed_opens() -> None:
    block = {"kind": "skipless", "mixer_skip": 0.0, "feed_forward_skip": 1.0}
    model = model_of(block, {})
    tokens = torch.randint(11, (4, 8))
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.02), []
    for _ in range(30):
        logits, _ = model(tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.6 * losses[0]
    assert all(layer.gains.mixer_skip.detach().abs() > 1e-3 for layer in model.decoder.blocks)


@pytest.mark.parametrize("block", ["skipless", "skipless-parallel"])
def test_skipless_layers_start_as_if_attention_were_the_identity(block: str) -> None:
    model = model_of(block, {})
    x = torch.randn(2, 7, D_MODEL, dtype=torch.float64)
    for layer in model.decoder.blocks:
        assert not layer.mixer.scores[0].query.weight.any()
        torch.testing.assert_close(layer.mixer(x, Context(causal=True))[0], x, rtol=1e-12, atol=1e-12)
