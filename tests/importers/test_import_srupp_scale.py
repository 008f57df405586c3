"""The constant by which a layer of SRU multiplies its skipped input is the file's, whatever is said of it."""

import math

import pytest
import torch
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.srupp import import_sru, import_srupp
from synthcli.importers.srupp.weight_map import TranslatedLayers, build_layers
from synthcli.model.context import Context
from tests.importers.originals import srupp
from tests.importers.originals.srupp import LanguageModel
from tests.model.implementations import implementation  # noqa: F401

pytestmark = pytest.mark.usefixtures("implementation")
NAMES = ("sru, rescaled, norm before", "srupp, the last two")
OTHER = math.sqrt(1 + 2 * math.exp(0.7))


def options_of(name: str, **changes: str | None) -> dict[str, str]:
    """Return the options of a stack; None leaves one out."""
    told = srupp.options_of(name) | changes
    return {key: value for key, value in told.items() if value is not None}


def stack_of(name: str, options: dict[str, str], weights: dict[str, Tensor]) -> TranslatedLayers:
    layers = {key.removeprefix("rnn."): t for key, t in weights.items() if key.startswith("rnn.")}
    return (import_srupp if "proj_size" in srupp.options_of(name) else import_sru)(options, layers)


@torch.no_grad()
def compare(name: str, imported: TranslatedLayers, weights: dict[str, Tensor]) -> None:
    """Compare h of random inputs with the original's, whose factor is the file's."""
    original = LanguageModel(srupp.options_of(name) | {"rescale": "True"}, weights)
    layers = build_layers(imported.layers)
    layers.load_state_dict(imported.weights)
    width = srupp.widths_of(srupp.options_of(name))[0]
    x = torch.randn(2, 5, width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = ours = x
    for number, layer in enumerate(layers.double().eval()):
        expected = original.layer(f"rnn.rnn_lst.{number}", number, expected)
        ours, _ = layer(ours, Context(causal=True))
    torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"highway_bias": None},
        {"rescale": None},
        {"rescale": None, "highway_bias": None},
        {"highway_bias": "0.3"},
    ],
    ids=str,
)
def test_what_is_said_of_the_bias_changes_nothing(name: str, changes: dict[str, str | None]) -> None:
    weights = srupp.drawn(srupp.options_of(name))
    compare(name, stack_of(name, options_of(name, **changes), weights), weights)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1.0, 0.5, OTHER, 3.0])
@pytest.mark.parametrize("told", [True, False])
def test_each_layer_has_its_own_factor(name: str, scale: float, told: bool) -> None:
    weights = srupp.drawn(srupp.options_of(name)) | {"rnn.rnn_lst.1.scale_x": torch.tensor([scale])}
    changes = {} if told else {"rescale": None, "highway_bias": None}
    imported = stack_of(name, options_of(name, **changes), weights)
    compare(name, imported, weights)
    assert imported.unused == tuple(f"rnn_lst.{n}.scale_x" for n in range(3))


def test_the_bias_follows_from_the_factor_and_else_is_the_original_s_default() -> None:
    name = NAMES[0]
    weights = srupp.drawn(srupp.options_of(name))
    layer = stack_of(name, options_of(name, highway_bias=None), weights).layers[0]
    assert layer.config.rescale is True
    assert layer.config.highway_bias == pytest.approx(-1.5, abs=1e-6)
    for one, bias in (("sru", 0.0), ("srupp, every second", -2.0)):
        weights = srupp.drawn(srupp.options_of(one))
        (config, *_) = [
            layer.config for layer in stack_of(one, options_of(one, highway_bias=None), weights).layers
        ]
        assert (config.rescale, config.highway_bias) == (False, bias)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (
            torch.tensor([1.5]),
            "`rnn_lst.1.scale_x = 1.5` rescales the skip, and `rescale = False` of the SRU",
        ),
        (torch.tensor([-1.0]), "`rnn_lst.1.scale_x = -1` is no rescaling"),
        (torch.tensor([math.nan]), "`rnn_lst.1.scale_x = nan` is no rescaling"),
        (torch.tensor([1.0, 1.0]), "`rnn_lst.1.scale_x` of shape (2,) is no single factor"),
    ],
)
def test_a_factor_that_contradicts_is_refused_by_name(stored: Tensor, message: str) -> None:
    weights = srupp.drawn(srupp.options_of("sru")) | {"rnn.rnn_lst.1.scale_x": stored}
    with pytest.raises(SynthError) as caught:
        stack_of("sru", options_of("sru"), weights)
    assert caught.value.message == message
