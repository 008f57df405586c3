"""Variations that the papers' own repositories have: each keeps the contract, and its formula."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from synthcli.model import ModelConfig, build, count_parameters
from synthcli.model.context import Context
from synthcli.model.contract import checks_of
from synthcli.model.mixers import Attention, Site
from synthcli.model.scores import ScoreShape
from synthcli.model.scores.dense import Dense
from synthcli.model.scores.factorized_dense import FactorizedDense
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.scores import DenseConfig, FactorizedDenseConfig

from .combinations import D_MODEL, MIXER_TABLES, VOCAB, attention, tiny
from .parameter_formula import parameters_of

RANDOM, DOT = {"kind": "random"}, {"kind": "dot-product"}
MIXERS: dict[str, dict[str, Any]] = {
    "dense without a hidden layer": attention({"kind": "dense", "hidden": 0}),
    "dense of the whole width without one": attention({"kind": "dense", "input": "model", "hidden": 0}, DOT),
    "factorized dense without one": attention({"kind": "factorized-dense", "hidden": 0}),
    "a gate from 0.9": attention(DOT, RANDOM, mix="gate", gate_init=0.9),
    "shaped, A learns": attention(DOT, shaping={"trainable": ["attention"], "identity": 0.0, "centre": 0.0}),
    "shaped, C learns": attention(DOT, shaping={"trainable": ["centre"], "per_head": False}),
    "sru rescaled by a number": {"kind": "sru", "rescale": 1.7},
    "srupp, gated from 0.2": {
        "kind": "srupp", "projection": 8, "heads": 2, "scores": [DOT, {"kind": "dense", "hidden": 0}],
        "mix": "gate", "gate_init": 0.2,
    },
}  # fmt: skip
# models with cross-attention take ten times as long: one of each kind
BLOCKS = ("pre-norm", "parallel", "skipless", "post-norm")
MIXED = [
    ("causal-lm", "recurrent" if name.startswith("sru") else BLOCKS[number % len(BLOCKS)], name)
    for number, name in enumerate(MIXERS)
] + [
    ("masked-lm", "post-norm", "dense of the whole width without one"),
    ("masked-lm", "pre-norm", "shaped, C learns"),
    ("masked-lm", "parallel", "a gate from 0.9"),
    ("seq2seq", "parallel", "dense without a hidden layer"),
]
BEHIND = [
    ("causal-lm", "pre-norm", "dot-product", "layer"),
    ("causal-lm", "skipless", "sru", "rms"),
    ("causal-lm", "parallel", "dot-product", "none"),
    ("seq2seq", "pre-norm", "random", "layer"),
    ("seq2seq", "parallel", "none", "none"),
    ("masked-lm", "skipless", "linear", "rms"),
    ("masked-lm", "pre-norm", "none", "dyt"),
]
UNPROJECTED = [
    (task, mixer, positions)
    for task, mixer, positions in (
        ("causal-lm", "sru", "none"),
        ("causal-lm", "srupp", "learned"),
        ("causal-lm", "srupp, every second", "none"),
        ("seq2seq", "sru, wide", "sinusoidal"),
        ("masked-lm", "srupp, bidirectional", "none"),
        ("classification", "sru, bidirectional", "none"),
    )
]


def keeps_the_contract(config: ModelConfig) -> None:
    for check in checks_of(config).values():
        check(config)
    with torch.device("meta"):
        assert count_parameters(build(config)) == parameters_of(config)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "block", "name"), MIXED)
def test_a_mixer_keeps_the_contract(
    task: str, block: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MIXER_TABLES, name, MIXERS[name])
    keeps_the_contract(tiny(task, block, name))


@pytest.mark.slow
@pytest.mark.parametrize(("task", "block", "mixer", "norm"), BEHIND)
def test_skips_behind_norms_keep_the_contract(task: str, block: str, mixer: str, norm: str) -> None:
    keeps_the_contract(tiny(task, {"kind": block, "norm": norm, "skip_from": "norm"}, mixer))


@pytest.mark.slow
@pytest.mark.parametrize(("task", "mixer", "positions"), UNPROJECTED)
def test_vectors_of_their_own_width_keep_the_contract(task: str, mixer: str, positions: str) -> None:
    embeddings = {"d_embed": 6, "projection": "none", "tie": "none", "positions": positions}
    config = tiny(task, "recurrent", mixer, embeddings=embeddings)
    keeps_the_contract(config)
    with torch.device("meta"):
        model = build(config)
    stack: Any = model.encoder if "encoder" in dict(model.named_children()) else model.decoder
    assert model.embeddings.tokens.weight.shape == (VOCAB, 6)  # type: ignore[union-attr, union-attr]
    assert [block.mixer.site.d_model for block in stack.blocks] == [6, D_MODEL]


@pytest.mark.parametrize("cutoffs", [(), (7, 19)])
def test_projections_on_the_way_in_alone_keep_the_contract(cutoffs: tuple[int, ...]) -> None:
    embeddings = {"d_embed": 6, "projection": "input", "tie": "none", "cutoffs": cutoffs}
    config = tiny("causal-lm", "recurrent", "sru", embeddings=embeddings)
    for check in checks_of(config).values():
        check(config)
    model = build(config)
    assert model.head.weight.shape == (VOCAB, D_MODEL)  # type: ignore[union-attr]
    assert model.embeddings.tokens.tables[0].weight.shape[1] == 6  # type: ignore[union-attr, index]


def random_(module: nn.Module) -> Any:
    """Draw every parameter anew, in float64."""
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.copy_(torch.randn_like(parameter))
    return module


def test_dense_scores_without_a_hidden_layer_are_one_affine_map() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    whole = random_(Dense(DenseConfig(input="model", hidden=0), ScoreShape(6, 2, 3, 9, 7)))
    assert set(dict(whole.named_parameters())) == {"weight", "bias"}
    want = torch.einsum("hkd,bqd->bhqk", whole.weight, x) + whole.bias[:, None]
    torch.testing.assert_close(whole(x, None, 0, 4), want[..., :4])
    own = random_(Dense(DenseConfig(hidden=0), ScoreShape(6, 2, 3, 9, 7)))
    want = torch.einsum("hkd,bqhd->bhqk", own.weight, x.unflatten(-1, (2, 3))) + own.bias[:, None]
    torch.testing.assert_close(own(x, None, 0, 7), want)


def test_factorized_dense_scores_without_a_hidden_layer() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    score = random_(
        FactorizedDense(FactorizedDenseConfig(input="model", hidden=0, a=2), ScoreShape(6, 2, 3, 9, 6))
    )
    both = torch.einsum("hod,bqd->bhqo", score.weight, x) + score.bias[:, None]
    want = torch.stack([both[..., j % 2] * both[..., 2 + j // 2] for j in range(6)], dim=-1)
    torch.testing.assert_close(score(x, None, 0, 6), want)


def test_a_gate_starts_where_it_is_told() -> None:
    config = AttentionConfig.model_validate(attention(DOT, RANDOM, mix="gate", gate_init=0.9))
    mixer = Attention(config, Site(D_MODEL, 8, 8))
    assert mixer.mixing is not None
    mixer.mixing.initialise_parameters()
    weights = mixer.mixing.coefficients()
    assert weights is not None
    torch.testing.assert_close(weights, torch.tensor([[0.1, 0.9]] * 2))
    assert mixer.mixing.gate[0].item() == pytest.approx(math.log(9))  # type: ignore[index]


@pytest.mark.parametrize("trainable", [["attention"], ["centre"], ["identity", "centre"]])
def test_gains_that_do_not_learn_are_constants(trainable: list[str]) -> None:
    """The same function and gradients as where all learn, of the parameters that are left."""
    gains = {"identity": 0.4, "attention": 0.8, "centre": 0.3}
    mixers = []
    for learnt in (True, trainable):
        config = AttentionConfig.model_validate(attention(DOT, shaping={**gains, "trainable": learnt}))
        torch.manual_seed(0)
        mixers.append(Attention(config, Site(D_MODEL, 8, 8)).double())
    whole, partly = mixers
    with torch.no_grad():
        for name, value in gains.items():
            getattr(whole.shaping, name).fill_(value)
    kept = {name: p for name, p in whole.state_dict().items() if name in partly.state_dict()}
    partly.load_state_dict(kept)
    assert len(whole.state_dict()) - len(kept) == 3 - len(trainable)
    x = torch.randn(2, 6, D_MODEL, dtype=torch.float64)
    for mixer in mixers:
        mixer(x, Context(causal=True))[0].square().sum().backward()
    theirs = dict(whole.named_parameters())
    for name, parameter in partly.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad)


SRU: dict[str, Any] = {"block": "recurrent", "d_ff": None, "mixer": {"kind": "sru"}}
UNPROJECTED_6 = {"projection": "none", "d_embed": 6, "tie": "none"}
NOT_ABLE = "layer 0 of the decoder cannot change the width"
NONSENSE: dict[str, dict[str, Any]] = {
    '`gate_init = 0.9` is where a gate starts, and `mix = "softmax"` has none': {"mixer": {"gate_init": 0.9}},
    f'`embeddings.projection = "none"`: {NOT_ABLE}': {"embeddings": UNPROJECTED_6},
    '`embeddings.projection = "none"` needs `embeddings.d_embed`, the width of its vectors': {
        **SRU, "embeddings": {"projection": "none", "tie": "none"},
    },
    '`embeddings.projection = "none"` leaves vectors too narrow for logits: use `tie = "none"`, not "all"': {
        **SRU, "embeddings": {"projection": "none", "d_embed": 6},
    },
}  # fmt: skip


@pytest.mark.parametrize("message", NONSENSE)
def test_what_makes_no_sense_is_refused(message: str) -> None:
    whole = {"task": "causal-lm", "vocab_size": 9, "d_model": 8, "d_ff": 8}
    with pytest.raises(ValueError, match="Value error") as error:
        ModelConfig.model_validate({**whole, "decoder": {"layers": 1, "max_length": 4}, **NONSENSE[message]})
    assert message in str(error.value)
