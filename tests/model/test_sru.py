"""Layers of SRU against their equations, one number at a time, in float64, forward and backward."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers import SRU, Site
from synthcli.model.mixers.sru import RecurrentState
from synthcli.model_config.recurrent import SRUConfig

from .sru_formula import Given, by_the_formula

LENGTH, D_MODEL = 6, 6
LAYERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rescaled": {"rescale": True, "highway_bias": -1.5},
    "rescaled by a number": {"rescale": 1.7, "highway_bias": -1.5},
    "another width": {"hidden": 5},
    "another width, rescaled": {"hidden": 5, "rescale": True, "highway_bias": -1.5},
    "no skip": {"skip": False},
    "no skip, another width": {"skip": False, "hidden": 4},
    "first version": {"weight_c": False},
    "norm before": {"layer_norm": "before"},
    "norm after": {"layer_norm": "after", "hidden": 7},
    "low rank": {"projection": 2},
    "bidirectional": {"bidirectional": True},
    "bidirectional, another width": {"bidirectional": True, "hidden": 4, "layer_norm": "before"},
    "bidirectional, no skip": {"bidirectional": True, "skip": False},
    "bidirectional, rescaled": {"bidirectional": True, "rescale": True, "highway_bias": -0.5},
}
CONTEXTS = {
    "all": Context(),
    "padding": Context(key_padding=torch.arange(LENGTH).expand(2, -1) >= torch.tensor([[4], [6]])),
    "packed": Context(documents=torch.tensor([[0, 0, 0, 1, 1, 2], [3, 3, 4, 4, 4, 4]])),
}


def layer(name: str, dropout: float = 0.0, site_layer: int = 0) -> SRU:
    torch.manual_seed(1)
    config = SRUConfig.model_validate(LAYERS[name])
    site = Site(D_MODEL, LENGTH, LENGTH, layer=site_layer, layers=2, dropout=dropout)
    sru = SRU(config, site).double()
    with torch.no_grad():
        for parameter in sru.parameters():
            parameter.copy_(torch.randn_like(parameter)) if parameter.requires_grad else parameter.zero_()
    return sru.eval()


def of_a_layer(sru: SRU, x: Tensor, context: Context, initial: Tensor) -> tuple[Tensor, Tensor]:
    """The layer from its weights: U, x̃, one recurrence a direction, norms, and the map to d_model."""
    config, width = sru.config, sru.width
    inputs, length = x, x.shape[1]
    if config.layer_norm == "before":
        inputs = _normed(sru, x)
    if config.projection is not None:
        inputs = inputs @ sru.reduce.weight.T
    u = inputs @ sru.expand.weight.T
    columns = [u[..., k * width : (k + 1) * width] for k in range(u.shape[-1] // width)]
    skip = None
    if config.skip:
        scale = math.sqrt(1 + 2 * math.exp(config.highway_bias)) if config.rescale is True else 1.0
        scale = scale if isinstance(config.rescale, bool) else config.rescale
        skip = columns[3] if len(columns) == 4 else scale * x
    padding, ids = context.key_padding, context.documents
    directions = []
    for backward in (False, True) if config.bidirectional else (False,):
        half = width // 2 if config.bidirectional else width
        part = slice(half, width) if backward else slice(0, half)
        order = list(reversed(range(length))) if backward else list(range(length))
        starts = None
        if ids is not None:
            differs = [ids[:, t] != ids[:, s] for s, t in pairwise(order)]
            starts = torch.stack([torch.ones_like(ids[:, 0]).bool(), *differs], 1)
        h, c = by_the_formula(
            Given(
                torch.stack([column[:, order, part] for column in columns[:3]], 2),
                None if skip is None else skip[:, order, part],
                initial[:, part],
                sru.weight_c[:, part],
                sru.bias[:, part],
                None if padding is None else padding[:, order],
                starts,
            )
        )
        directions.append((h[:, order], c))  # reversing twice is the order of time
    h, c = (torch.cat(parts, -1) for parts in zip(*directions, strict=True))
    if config.layer_norm == "after":
        h = _normed(sru, h)
    return h if sru.output is None else h @ sru.output.weight.T, c


def _normed(sru: SRU, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    size = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / size * sru.norm.weight + sru.norm.bias


@pytest.mark.slow
@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_its_equations_forward_and_backward(name: str, context: str) -> None:
    sru = layer(name)
    x = torch.randn(2, LENGTH, D_MODEL, dtype=torch.float64, requires_grad=True)
    initial = torch.randn(2, sru.width, dtype=torch.float64, requires_grad=True)
    y, state = sru(x, CONTEXTS[context], RecurrentState(initial))
    want, c = of_a_layer(sru, x, CONTEXTS[context], initial)
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.c, c, rtol=1e-12, atol=1e-12)
    wanted = [x, initial, *(p for p in sru.parameters() if p.requires_grad)]
    weight = torch.randn_like(y)
    got = torch.autograd.grad((y * weight).sum(), wanted, allow_unused=True)
    reference = torch.autograd.grad((want * weight).sum(), wanted, allow_unused=True)
    for one, other in zip(got, reference, strict=True):
        one, other = (torch.zeros(()) if g is None else g for g in (one, other))  # noqa: PLW2901
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "blocks"), [("plain", 3), ("another width", 4), ("no skip", 3), ("no skip, another width", 3)]
)
def test_the_input_has_a_fourth_part_where_it_cannot_be_skipped_itself(name: str, blocks: int) -> None:
    sru = layer(name)
    assert sru.blocks == blocks and len(sru.expand.weight) == blocks * sru.width


@pytest.mark.parametrize("name", [name for name in LAYERS if "bidirectional" not in name])
def test_segments_with_the_state_are_the_whole(name: str) -> None:
    sru = layer(name)
    x = torch.randn(2, LENGTH, D_MODEL, dtype=torch.float64)
    for whole in CONTEXTS.values():
        pieces, start, state = [], 0, sru.initial_state()
        for size in (1, 3, 2):
            end = start + size
            padding = None if whole.key_padding is None else whole.key_padding[:, :end]
            documents = None if whole.documents is None else whole.documents[:, :end]
            y, state = sru(x[:, start:end], Context(start, True, padding, documents=documents), state)
            pieces.append(y)
            start = end
        torch.testing.assert_close(torch.cat(pieces, 1), sru(x, whole)[0], rtol=1e-12, atol=1e-12)


def test_the_first_version_has_gates_that_do_not_read_the_state_and_never_will() -> None:
    sru = SRU(SRUConfig(weight_c=False), Site(D_MODEL, LENGTH, LENGTH))
    sru.initialise_parameters()
    assert not sru.weight_c.requires_grad and not sru.weight_c.any()


def test_dropout_takes_whole_columns_for_a_whole_sequence_but_not_in_the_last_layer() -> None:
    x = torch.randn(4, LENGTH, D_MODEL, dtype=torch.float64)
    for name in ("no skip", "bidirectional, no skip"):  # h is then nothing but m r c
        sru = layer(name, dropout=0.5)
        kept, _ = sru(x, Context())
        dropped, state = sru.train()(x, Context(), RecurrentState())
        gone = (dropped == 0).all(1)  # (batch, column)
        assert bool(gone.any()) and not bool(gone.all())
        want = torch.where(gone[:, None], 0 * kept, 2 * kept)
        torch.testing.assert_close(dropped, want, rtol=1e-12, atol=1e-12)
        assert bool(state.c.all())  # the state itself is never dropped
    last = layer("no skip", dropout=0.5, site_layer=1)
    torch.testing.assert_close(last.train()(x, Context())[0], last.eval()(x, Context())[0])


def test_initial_values() -> None:
    torch.manual_seed(0)
    sru = SRU(SRUConfig(highway_bias=-3.0), Site(64, LENGTH, LENGTH))
    sru.initialise_parameters()
    assert sru.bias[0].tolist() == [0.0] * 64 and sru.bias[1].tolist() == [-3.0] * 64
    assert 0.9 < sru.weight_c.abs().max() <= 1 and abs(sru.weight_c.mean()) < 0.2
    edge = math.sqrt(6 / (64 + 3 * 64))
    assert 0.95 * edge < sru.expand.weight.abs().max() <= edge
