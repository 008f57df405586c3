"""Initial values: every tensor is drawn, each by its name, so that models that share a part begin alike."""

import pytest
import torch
from torch import nn

from synthcli.model import build
from synthcli.model_config.parts import InitConfig

from .combinations import COMBINATIONS, tiny

KINDS = [InitConfig(), InitConfig(kind="normal", std=0.02), InitConfig(kind="xavier-uniform")]


def drawn(task: str, block: str, mixer: str, seed: int = 0, **more: object) -> nn.Module:
    torch.manual_seed(seed)
    return build(tiny(task, block, mixer, **more))


@pytest.mark.slow
@pytest.mark.parametrize("init", KINDS, ids=lambda init: init.kind)
def test_every_tensor_is_drawn(init: InitConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True)  # memory that nobody fills is NaN
    try:
        for combination in COMBINATIONS[:: len(KINDS)] if init != KINDS[0] else COMBINATIONS:
            model = drawn(*combination, init=init.model_dump())
            assert [n for n, t in model.state_dict().items() if not t.isfinite().all()] == [], combination
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("seq2seq", "pre-norm", "dot-product"), ("seq2seq", "pre-norm", "dense")),
        (("causal-lm", "pre-norm", "dot-product"), ("causal-lm", "parallel", "random + dot-product, sum")),
        (("causal-lm", "pre-norm", "dense"), ("masked-lm", "post-norm", "dense")),
    ],
)
def test_tensors_of_the_same_name_and_shape_begin_alike(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    first, second = drawn(*one).state_dict(), drawn(*other).state_dict()
    shared = [name for name, tensor in first.items() if name in second and second[name].shape == tensor.shape]
    assert any(first[name].std() > 0 for name in shared) and first.keys() != second.keys()
    assert [name for name in shared if not torch.equal(first[name], second[name])] == []


def test_more_layers_change_none_of_those_before() -> None:
    init = {"scale_writes": False, "kind": "normal", "std": 0.02}
    few, many = (drawn("causal-lm", "pre-norm", "dense", layers=layers, init=init) for layers in (1, 3))
    own = many.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in few.state_dict().items())


def test_tensors_of_one_model_and_of_two_seeds_differ() -> None:
    model = drawn("causal-lm", "pre-norm", "dot-product")
    again = drawn("causal-lm", "pre-norm", "dot-product", 1)
    first, second = (block.feed_forward.state_dict() for block in model.decoder.blocks)
    wide = [name for name, tensor in first.items() if tensor.std() > 0]
    assert wide and not any(torch.equal(first[name], second[name]) for name in wide)
    assert not torch.equal(model.embeddings.tokens.weight, again.embeddings.tokens.weight)


def test_what_is_drawn_next_does_not_depend_on_the_model() -> None:
    after = []
    for mixer in ("dot-product", "dense"):
        drawn("causal-lm", "pre-norm", mixer)
        after.append(torch.rand(3))
    assert torch.equal(*after)
