"""Parity with tensors recorded from the original SRU and SRU++: outputs, states, loss and gradients."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from synthcli.importers.srupp import import_sru, import_srupp
from synthcli.importers.srupp.weight_map import TranslatedLayers, build_layers
from synthcli.model.context import Context
from synthcli.model.mixers.sru import RecurrentState
from tests.importers.golden import group, recorded
from tests.model.implementations import implementation  # noqa: F401

pytestmark = pytest.mark.usefixtures("implementation")
FILES = ("base", "bidirectional", "in_ne_out_rescale", "post_ln_every2")


def _built(imported: TranslatedLayers) -> nn.ModuleList:
    """Build in training mode, where a memory is layer inputs; the original's dropout is 0."""
    layers = build_layers(imported.layers)
    layers.load_state_dict(imported.weights)
    return layers.train()


def _run(
    layers: nn.ModuleList, x: Tensor, context: Context, states: list[RecurrentState]
) -> tuple[Tensor, list[RecurrentState]]:
    new = []
    for layer, state in zip(layers, states, strict=True):
        x, state_after = layer(x, context, state)
        new.append(state_after)
    return x, new


def _by_time(x: Tensor) -> Tensor:
    return x.transpose(0, 1)


def _close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def _gradients(tensors: dict[str, Tensor], inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compare the gradients of the inputs, and return the recorded ones of the weights."""
    recorded_ones = group(tensors, "expected.grad.")
    for name, tensor in inputs.items():
        _close(tensor.grad, recorded_ones.pop(name))
    return recorded_ones


def _check_weights(layers: nn.ModuleList, expected: dict[str, Tensor]) -> None:
    """Compare every gradient of a weight; what translates weights translates their gradients."""
    ours = {name: parameter.grad for name, parameter in layers.named_parameters()}
    assert ours.keys() == expected.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("name", FILES)
def test_two_segments_equal_the_original(name: str, shared: Path) -> None:
    options, tensors = recorded(shared / "golden" / f"srupp_{name}.safetensors")
    imported = import_srupp(options, group(tensors, "weights."))
    layers = _built(imported)

    inputs = {name: tensors[name].requires_grad_() for name in ("x_first", "x_second", "c0")}
    first, second = _by_time(inputs["x_first"]), _by_time(inputs["x_second"])
    states = [RecurrentState(c) for c in inputs["c0"]]
    h_first, states = _run(layers, first, Context(0, causal=True), states)
    c_first = torch.stack([state.c for state in states])
    states = [RecurrentState(state.c.detach(), state.memory) for state in states]
    h_second, states = _run(layers, second, Context(first.shape[1], causal=True), states)
    c_second = torch.stack([state.c for state in states])
    for key, ours in (("h_first", _by_time(h_first)), ("h_second", _by_time(h_second))):
        _close(ours, tensors[f"expected.{key}"])
    for key, ours in (("c_first", c_first), ("c_second", c_second)):
        _close(ours, tensors[f"expected.{key}"])

    weighted = (
        (_by_time(h_first), "w_first"),
        (_by_time(h_second), "w_second"),
        (c_second, "w_state"),
    )
    loss = sum((ours * tensors[weight]).sum() for ours, weight in weighted)
    torch.testing.assert_close(loss, tensors["expected.loss"][0], rtol=1e-5, atol=1e-5)
    loss.backward()
    _check_weights(layers, import_srupp(options, _gradients(tensors, inputs)).weights)


def test_padded_sru_equals_the_original(shared: Path) -> None:
    options, tensors = recorded(shared / "golden" / "sru_padded.safetensors")
    imported = import_sru(options, group(tensors, "weights."))
    layers = _built(imported)
    context = Context(0, causal=True, key_padding=_by_time(tensors["mask_pad"]).bool())
    x = tensors["x"].requires_grad_()
    h, states = _run(layers, _by_time(x), context, [RecurrentState()] * len(layers))
    c = torch.stack([state.c for state in states])
    _close(_by_time(h), tensors["expected.h"])
    _close(c, tensors["expected.c"])
    loss = (_by_time(h) * tensors["w"]).sum() + (c * tensors["w_state"]).sum()
    torch.testing.assert_close(loss, tensors["expected.loss"][0], rtol=1e-5, atol=1e-5)
    loss.backward()
    _check_weights(layers, import_sru(options, _gradients(tensors, {"x": x})).weights)
