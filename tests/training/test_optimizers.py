"""Which parameters decay, and what RAdam does to them."""

import math

import pytest
import torch
from torch import nn

from synthcli.training.config import AdamWConfig, RAdamConfig, RateMultipliers
from synthcli.training.optimizers import build_optimizer, decays, set_rate
from tests.training.toys import toy_model

MIXERS = {
    "dot-product": [{"kind": "dot-product"}],
    "random": [{"kind": "random"}, {"kind": "dot-product"}],
    "dense": [{"kind": "dense"}],
    "factorized-dense": [{"kind": "factorized-dense"}],
    "factorized-random": [{"kind": "factorized-random"}],
}


@pytest.mark.parametrize("scores", MIXERS.values(), ids=MIXERS)
def test_only_matrices_of_linear_maps_and_embeddings_decay(scores) -> None:
    model = toy_model(mixer={"heads": 2, "scores": scores})
    decayed = {name for name, p in model.named_parameters() if decays(name, p)}
    linear = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding)
    }
    assert linear <= decayed
    others = {name.rpartition(".")[2] for name in decayed - linear}
    assert others <= {"weight"}  # the per-head matrices of dense scores
    for name, p in model.named_parameters():
        if p.ndim < 2 or name.endswith((".bias", ".table", ".left", ".right", ".gate", ".logits")):
            assert name not in decayed


def test_groups_hold_every_trainable_parameter_once() -> None:
    model = toy_model()
    frozen = model.decoder.blocks[0].mixer.output.weight.requires_grad_(False)
    optimizer = build_optimizer(model, AdamWConfig(weight_decay=0.3))
    held = [p for group in optimizer.param_groups for p in group["params"]]
    expected = [p for p in model.parameters() if p is not frozen]
    assert sorted(map(id, held)) == sorted(map(id, expected))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
    assert optimizer.defaults["fused"]


def radam_by_hand(
    theta: float, gradients: list[float], rates: list[float], decay: float, config: RAdamConfig
) -> list[float]:
    """Liu et al. 2020, algorithm 2, in floats; θ shrinks by rate · decay first (Loshchilov & Hutter 2019)."""
    (beta1, beta2), m, v, path = config.betas, 0.0, 0.0, []
    longest = 2 / (1 - beta2) - 1
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        mean = m / (1 - beta1**t)
        rho = longest - 2 * t * beta2**t / (1 - beta2**t)
        theta -= rate * decay * theta
        if rho > 5:  # as the authors' code; the paper's 4 differs by one step
            r = math.sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))
            mean *= r * math.sqrt(1 - beta2**t) / (math.sqrt(v) + config.eps)
        theta -= rate * mean
        path.append(theta)
    return path


class Two(nn.Module):
    """A matrix, which decays and has the rate; a gain, which learns at another."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.full((1, 1), 0.7, dtype=torch.float64))
        self.gain = nn.Parameter(torch.full((1,), -0.3, dtype=torch.float64))
        self.gain.rate_group = "gains"  # type: ignore[attr-defined]


@pytest.mark.parametrize("decay", ["matrices", "all"])
def test_radam_with_decoupled_decay_is_the_formula(decay: str) -> None:
    config = RAdamConfig(
        betas=(0.9, 0.95), weight_decay=0.1, decay=decay, rate_multipliers=RateMultipliers(gains=0.25)
    )
    model, steps = Two(), 60
    optimizer = build_optimizer(model, config)
    gradients = [math.sin(3 * t) + 0.2 for t in range(steps)]
    rates = [3e-2 * min(1, (t + 1) / 8) for t in range(steps)]
    found: dict[str, list[float]] = {"matrix": [], "gain": []}
    for g, rate in zip(gradients, rates, strict=True):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, g)
        set_rate(optimizer, rate)
        optimizer.step()
        for name, parameter in model.named_parameters():
            found[name].append(parameter.item())
    assert found["matrix"] == pytest.approx(radam_by_hand(0.7, gradients, rates, 0.1, config), rel=1e-12)
    slow, shrinks = [0.25 * rate for rate in rates], 0.1 if decay == "all" else 0.0
    assert found["gain"] == pytest.approx(radam_by_hand(-0.3, gradients, slow, shrinks, config), rel=1e-12)


@pytest.mark.parametrize("config", [AdamWConfig, RAdamConfig])
def test_an_optimizer_is_made_of_its_configuration(config: type[AdamWConfig] | type[RAdamConfig]) -> None:
    settings = config(betas=(0.6, 0.7), eps=0.25, weight_decay=0.125)
    made = build_optimizer(toy_model(), settings)
    expected = {"lr": 0.0, "betas": (0.6, 0.7), "eps": 0.25}
    assert {key: made.defaults[key] for key in expected} == expected
    assert {group["weight_decay"] for group in made.param_groups} == {0.125, 0.0}
    assert made.defaults["fused"] is True if config is AdamWConfig else made.defaults["foreach"] is True


@pytest.mark.parametrize("eps", [1e-8, 1e-3, 1.0])
def test_adamw_with_decoupled_decay_is_the_formula(eps: float) -> None:
    """m, v and their corrections, θ ← θ − r (m̂ / (√v̂ + ε) + λ θ), in whole steps of plain Python."""
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, 0.5)
    made = build_optimizer(model, AdamWConfig(betas=(0.8, 0.9), eps=eps, weight_decay=0.1))
    theta, m, v = 0.5, 0.0, 0.0
    for step, (rate, gradient) in enumerate([(0.1, 0.02), (0.2, -0.5), (0.05, 0.3)], start=1):
        m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
        update = m / (1 - 0.8**step) / (math.sqrt(v / (1 - 0.9**step)) + eps)
        theta -= rate * (update + 0.1 * theta)
        model.weight.grad = torch.full_like(model.weight, gradient)
        set_rate(made, rate)
        made.step()
        assert model.weight.item() == pytest.approx(theta, rel=1e-12)
