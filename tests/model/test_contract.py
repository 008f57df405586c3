"""The properties of every combination in the registries."""

import sys

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

from synthcli.model import ModelConfig, build, count_parameters
from synthcli.model.blocks import BLOCKS
from synthcli.model.contract import checks_of, deeper, subject

from .combinations import (
    COMBINATIONS,
    EMBEDDINGS,
    MAX_TARGET,
    MIXTURES,
    OTHERS,
    REFUSED,
    VARIATIONS,
    block_table,
    tiny,
)
from .parameter_formula import parameters_of

pytestmark = pytest.mark.slow


def named(combinations: list[tuple[str, ...]]) -> list[str]:
    return [" | ".join(one) for one in combinations]


def keeps_the_contract(config: ModelConfig, is_tried_deep: bool = False) -> int:
    """Make every check, that of 48 layers where a stack is tried deep; return how many there were."""
    checks = checks_of(config)
    if not is_tried_deep:
        del checks["gradients at depth 48"]
    for check in checks.values():
        check(config)
    return len(checks)


def is_tried_deep(task: str, block: str, mixer: str) -> bool:
    """Whether a stack of 48 layers is tried here.

    Every mixer is in every block, in the first task that has both; mixtures of scores, and what stands beside
    cross-attention, are in pre-norm.
    """
    tasks = [one for one, *rest in COMBINATIONS if rest == [block, mixer]]
    first = min(tasks, key=["causal-lm", "masked-lm", "seq2seq", "classification"].index)
    return (task == first and "," not in mixer) or (block == "pre-norm" and task in (first, "seq2seq"))


def has_the_parameters_of_the_formula(config: ModelConfig) -> bool:
    with torch.device("meta"):
        return count_parameters(build(config)) == parameters_of(config)


@pytest.mark.parametrize(("task", "block", "mixer"), COMBINATIONS, ids=named(COMBINATIONS))
def test_a_combination_keeps_the_contract(task: str, block: str, mixer: str) -> None:
    config = tiny(task, block, mixer)
    assert keeps_the_contract(config, is_tried_deep(task, block, mixer)) >= 6
    assert has_the_parameters_of_the_formula(config)


@pytest.mark.parametrize(("task", "block", "mixer"), REFUSED, ids=named(REFUSED))
def test_what_cannot_go_together_is_refused_with_the_reason(task: str, block: str, mixer: str) -> None:
    with pytest.raises(ValidationError) as error:
        tiny(task, block, mixer)
    reasons = (
        "has neither a skip nor a feed-forward",
        "reads the future, which a decoder has to predict",
        "has no skip past the mixer",
    )
    assert any(reason in str(error.value) for reason in reasons)


def test_the_combinations_are_as_many_as_they_should_be() -> None:
    sys.stdout.write(f"{len(COMBINATIONS)} combinations, {len(REFUSED)} refused\n")
    assert len(COMBINATIONS) > 600 and REFUSED


DECODERS = {
    name: tiny(
        "classification",
        "recurrent" if table["kind"] in ("sru", "srupp") else "pre-norm",
        name,
        encoder=None,
        decoder={"layers": 2, "max_length": MAX_TARGET},
        head={"pool": "last"},
    )
    for name, table in (MIXTURES | OTHERS).items()
}


@pytest.mark.parametrize("check", checks_of(DECODERS["linear"]))
@pytest.mark.parametrize("mixer", DECODERS)
def test_a_classifier_that_reads_by_a_decoder_keeps_the_contract(mixer: str, check: str) -> None:
    config = DECODERS[mixer]
    checks_of(config)[check](config)


WIRED = [
    (task, block, variation)
    for task in ("causal-lm", "seq2seq", "masked-lm")
    for block in BLOCKS
    for variation in VARIATIONS
    if block != "recurrent"
]


@pytest.mark.parametrize(("task", "block", "variation"), WIRED, ids=named(WIRED))
def test_norms_and_gains_keep_the_contract(task: str, block: str, variation: str) -> None:
    config = tiny(task, block_table(block, variation), "dot-product")
    assert keeps_the_contract(config, is_tried_deep=task != "seq2seq" or block == "pre-norm")
    assert has_the_parameters_of_the_formula(config)


EMBEDDED = [
    (task, name) for task in ("causal-lm", "masked-lm", "seq2seq", "classification") for name in EMBEDDINGS
]


@pytest.mark.parametrize(("task", "name"), EMBEDDED, ids=named(EMBEDDED))
def test_embeddings_and_heads_keep_the_contract(task: str, name: str) -> None:
    head = {"pooler": True, "pool": "first"} if task == "classification" else {"bias": True}
    config = tiny(task, "pre-norm", "dot-product", embeddings=EMBEDDINGS[name], head=head)
    assert keeps_the_contract(config)


HEADS: list[tuple[str, dict[str, object]]] = [
    ("masked-lm", {"head": {"transform": True, "bias": True}, "gated": True, "activation": "gelu-tanh"}),
    ("classification", {"head": {"output": "regression"}, "num_classes": None}),
    ("classification", {"head": {"output": "choice", "pool": "first"}, "num_classes": None}),
    ("causal-lm", {"activation": "leaky-relu", "negative_slope": 0.2, "feed_forward_bias": False}),
    ("causal-lm", {"decoder": {"layers": 3, "max_length": 10, "layer_d_ff": {1: 7}}}),
    ("causal-lm", {"init": {"kind": "normal"}}),
    ("causal-lm", {"init": {"kind": "xavier-uniform"}}),
]


@pytest.mark.parametrize(("task", "more"), HEADS, ids=[str(one) for one in HEADS])
def test_what_else_a_model_may_say_keeps_the_contract(task: str, more: dict[str, object]) -> None:
    assert keeps_the_contract(tiny(task, "post-norm", "dot-product", **more))


@pytest.mark.parametrize(
    ("task", "block", "mixer"),
    [c for c in COMBINATIONS if "," not in c[2]],
    ids=named([c for c in COMBINATIONS if "," not in c[2]]),
)
def test_the_loss_starts_at_chance(task: str, block: str, mixer: str) -> None:
    """Within 5 % of ln(choices), the mean of seeds: thirty words are few."""
    config, ratios = tiny(task, block, mixer), []
    for seed in range(4):
        torch.manual_seed(seed)
        model = build(config).eval()
        inputs = subject(config, seed).inputs
        logits = model(**inputs)
        logits = (logits[0] if isinstance(logits, tuple) else logits).flatten(0, -2)
        choices = logits.shape[-1]
        loss = cross_entropy(logits, torch.randint(choices, (len(logits),)))
        ratios.append(loss.item() / torch.tensor(choices).log().item())
    assert abs(sum(ratios) / len(ratios) - 1) < 0.05


@pytest.mark.parametrize("block", ["skipless", "skipless-parallel"])
def test_72_skipless_layers_keep_the_size_of_the_stream(block: str) -> None:
    """Root mean squares behind layer 1 and behind the last are within [0.5, 2] of each other."""
    torch.manual_seed(0)
    config = deeper(tiny("causal-lm", block, "dot-product"), 72)
    config = config.model_copy(update={"d_model": 64, "d_ff": 256})
    model, sizes = build(config), []
    for layer in model.decoder.blocks:
        layer.register_forward_hook(lambda module, args, out: sizes.append(out[0].square().mean().sqrt()))
    logits, _ = model(torch.randint(config.vocab_size, (4, 10)))
    cross_entropy(logits.flatten(0, 1), torch.randint(config.vocab_size, (40,))).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    ratios = [(size / sizes[0]).item() for size in sizes]
    assert len(ratios) == 72 and min(ratios) >= 0.5 and max(ratios) <= 2
