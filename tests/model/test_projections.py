"""Value and output projections with a fixed part: how they start, how they are tied, what is saved."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from .small_models import D_MODEL, model_of

ORTHOGONAL = {"kind": "residual", "init": "orthogonal"}
TIED: dict[str, dict[str, Any]] = {
    "all orthogonal": {"value": ORTHOGONAL, "output": ORTHOGONAL},
    "first value the identity": {
        "value": ORTHOGONAL, "output": ORTHOGONAL, "first_value": {"kind": "residual"},
    },
    "values identities": {"value": "identity", "output": ORTHOGONAL},
    "another last output": {
        "value": ORTHOGONAL, "output": ORTHOGONAL, "last_output": {**ORTHOGONAL, "residual": 0.2},
    },
}  # fmt: skip


def fixed(projection: Any) -> Tensor:
    initial = getattr(projection, "initial", None)
    return torch.eye(D_MODEL, dtype=torch.float64) if initial is None else initial


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize("layers", [1, 4])
def test_tied_projections_undo_each_other(name: str, layers: int) -> None:
    one = torch.eye(D_MODEL, dtype=torch.float64)
    model = model_of("pre-norm", {**TIED[name], "tie_init": "last-block"}, layers)
    product = one
    for layer in model.decoder.blocks:
        product = fixed(layer.mixer.output) @ fixed(layer.mixer.value) @ product
    torch.testing.assert_close(product, one, rtol=0, atol=1e-5)  # drawn in float32

    model = model_of("pre-norm", {**TIED[name], "tie_init": "all-blocks"}, layers)
    for layer in model.decoder.blocks:
        product = fixed(layer.mixer.output) @ fixed(layer.mixer.value)
        torch.testing.assert_close(product, one, rtol=0, atol=1e-5)


def test_untied_projections_are_drawn_apart() -> None:
    model = model_of("pre-norm", TIED["all orthogonal"], 1)
    layer = model.decoder.blocks[0].mixer
    product = fixed(layer.output) @ fixed(layer.value)
    assert (product - torch.eye(D_MODEL)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("mixer", "name"),
    [
        ({}, "value"),
        ({"value": ORTHOGONAL}, "output"),
        ({"value": ORTHOGONAL, "output": "identity"}, "output"),
        ({"value": ORTHOGONAL, "output": {"kind": "residual"}}, "output"),
        ({"value": ORTHOGONAL, "output": ORTHOGONAL, "last_output": "full"}, "last_output"),
        ({"value": ORTHOGONAL, "output": ORTHOGONAL, "first_value": "full"}, "first_value"),
    ],
    ids=str,
)
def test_what_cannot_be_tied_is_refused(mixer: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as error:
        model_of("pre-norm", {**mixer, "tie_init": "all-blocks"})
    assert error.value.errors()[0]["msg"] == (
        'Value error, layer 0 of the decoder: `tie_init = "all-blocks"` ties fixed parts of projections, '
        f'and `{name}` has none; use {{kind = "residual", init = "orthogonal"}}'
    )


@pytest.mark.parametrize("init", ["orthogonal", "normal", "identity"])
def test_a_checkpoint_holds_what_projections_started_from(init: str) -> None:
    projection = {"kind": "residual", "init": init, "residual": 0.5, "bias": True}
    mixer = {"value": projection, "output": projection}
    model, other = model_of("pre-norm", mixer), model_of("pre-norm", mixer)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for name, buffer in model.named_buffers():
            assert name.endswith("initial")
            buffer.copy_(torch.randn_like(buffer))
    saved = model.state_dict()
    assert sum(name.endswith("initial") for name in saved) == (0 if init == "identity" else 6)
    other.load_state_dict(saved)
    tokens = torch.randint(11, (2, 8))
    assert torch.equal(model(tokens)[0], other(tokens)[0])


def test_fixed_parts_are_drawn_as_they_say() -> None:
    draws = {}
    for init in ("orthogonal", "normal"):
        model = model_of("pre-norm", {"value": {"kind": "residual", "init": init}}, 1)
        draws[init] = model.decoder.blocks[0].mixer.value
    W = draws["orthogonal"].initial
    torch.testing.assert_close(W @ W.T, torch.eye(D_MODEL, dtype=W.dtype), rtol=0, atol=1e-5)
    assert 0.5 < draws["normal"].initial.std() * math.sqrt(D_MODEL) < 1.5
    assert all(not projection.weight.any() for projection in draws.values())
    full = model_of("pre-norm", {"value": {"kind": "full", "init": "identity", "bias": False}}, 1)
    value = full.decoder.blocks[0].mixer.value
    assert torch.equal(value.weight, torch.eye(D_MODEL, dtype=torch.float64)) and value.bias is None
