"""Folding: the same function in float64, with fewer operations and parameters."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from synthcli.exporters.folding import Folded, fold
from synthcli.model import ModelConfig, build, count_parameters
from tests.model.combinations import EMBEDDINGS, MIXER_TABLES, MIXTURES, OTHERS, VARIATIONS, block_table, tiny

TASKS = ("causal-lm", "masked-lm", "seq2seq", "classification")
DOT, RANDOM, DENSE = {"kind": "dot-product"}, {"kind": "random"}, {"kind": "dense"}
CAUSAL = [*MIXTURES, *OTHERS]
SEQUENTIAL = ("pre-norm", "post-norm", "parallel", "skipless", "skipless-parallel")


class Operations(TorchDispatchMode):
    """Counts operations that compute something."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not function.is_view
        return function(*args, **(kwargs or {}))


def moved(config: ModelConfig) -> nn.Module:
    """Build a model in float64 with every parameter off its initial value."""
    torch.manual_seed(0)
    model = build(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


@torch.no_grad()
def ran(config: ModelConfig, model: Any) -> tuple[Tensor, int]:
    """Return logits of a padded batch, and how many operations they took."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, config.vocab_size, (3, 7), generator=generator)
    padding = torch.arange(7) >= torch.tensor([[7], [5], [1]])
    with Operations() as operations:
        if config.task == "seq2seq":
            logits = model(tokens, tokens[:, :5], padding, padding[:, :5])
        else:
            logits = model(tokens, padding)
    return (logits[0] if isinstance(logits, tuple) else logits), operations.count


def same(config: ModelConfig) -> tuple[Folded, int, int]:
    """Fold a model, hold it to the same function, and say how many operations and parameters are gone."""
    model = moved(config)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = fold(config, model)
    expected, operations = ran(config, model)
    found, fewer = ran(folded.config, folded.model)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())  # it stays as it was
    assert ModelConfig.model_validate_json(folded.config.model_dump_json()) == folded.config
    assert bool(folded.changes) == (folded.model is not model)
    return folded, operations - fewer, count_parameters(model) - count_parameters(folded.model)


@pytest.mark.slow
@pytest.mark.parametrize("mixer", CAUSAL)
def test_every_mixer_computes_the_same(mixer: str) -> None:
    block = "recurrent" if MIXER_TABLES[mixer]["kind"] in ("sru", "srupp") else "pre-norm"
    _, operations, parameters = same(tiny("causal-lm", block, mixer))
    assert operations >= 0 and parameters >= 0


@pytest.mark.slow
@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("block", SEQUENTIAL)
def test_every_wiring_computes_the_same(block: str, variation: str) -> None:
    table = block_table(block, variation)
    _, operations, parameters = same(tiny("causal-lm", table, "shaped, residual projections"))
    assert operations > 0 and parameters > 0  # its projections are merged whatever the gains


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mixer", ["three, softmax", "shaped, full projections", "random + dense, gate"])
def test_every_task_computes_the_same(task: str, mixer: str) -> None:
    folded, operations, parameters = same(tiny(task, block_table("skipless", "trainable gains"), mixer))
    assert folded.changes and operations > 0 and parameters > 0


@pytest.mark.parametrize("embeddings", EMBEDDINGS)
def test_embeddings_compute_the_same(embeddings: str) -> None:
    folded, _, _ = same(tiny("causal-lm", "pre-norm", "dot-product", embeddings=EMBEDDINGS[embeddings]))
    is_untied = EMBEDDINGS[embeddings].get("tie") == "none"
    assert folded.changes == (("the scale √d_model is part of the embeddings",) if is_untied else ())


def test_an_encoder_folds_both_directions_of_a_recurrence() -> None:
    for mixer in ("sru, bidirectional", "srupp, bidirectional"):
        same(tiny("masked-lm", "recurrent", mixer))


def test_a_skipless_block_says_what_was_folded_and_what_stays() -> None:
    folded, operations, _ = same(tiny("causal-lm", "skipless", "dot-product"))
    assert folded.changes == (
        "projections α W_init + β ΔW are one matrix each (decoder 0)",
        "gains mixer_residual, feed_forward_residual are part of the maps before them",
        "gains feed_forward_skip stay: the norm after them would not compute the same",
    )
    assert operations > 0
    gains = [name for name, _ in folded.model.named_parameters() if ".gains." in name]
    assert gains == [f"decoder.blocks.{layer}.gains.feed_forward_skip" for layer in (0, 1)]


def test_an_untouched_projection_stays_no_projection() -> None:
    config = tiny("causal-lm", "skipless", "dot-product")
    model = build(config).eval()  # W = 1 · I + 1 · 0 in the first layer
    folded = fold(config, model)
    assert not any(".value." in name for name, _ in folded.model.named_parameters())


def test_gains_that_all_layers_share_are_constants() -> None:
    block = {"kind": "pre-norm", "trainable_gains": True, "mixer_skip": 0.5}
    config = tiny("causal-lm", block, "dot-product")
    model = build(config).eval()
    folded = fold(config, model)
    assert folded.config.block.trainable_gains is False
    assert (folded.config.block.mixer_skip, folded.config.block.mixer_residual) == (0.5, 1.0)


def test_two_random_tables_become_one() -> None:
    mixer = {"heads": 2, "scores": [RANDOM, DENSE, RANDOM]}
    base = tiny("causal-lm", "pre-norm", "random").model_dump()
    config = ModelConfig.model_validate({**base, "mixer": mixer})
    folded, _, parameters = same(config)
    kinds = [score.kind for score in folded.config.mixer_of(folded.config.decoder, 0).scores]
    assert kinds == ["random", "dense"]
    assert parameters == 2 * (2 * 10 * 10 + 2 * 3)  # a layer: a table of two heads, and their coefficients


def test_a_capped_score_keeps_its_coefficient() -> None:
    mixer = {"heads": 2, "scores": [RANDOM, {**DOT, "soft_cap": 5.0}]}
    base = tiny("causal-lm", "pre-norm", "random").model_dump()
    folded, _, _ = same(ModelConfig.model_validate({**base, "mixer": mixer}))
    assert folded.changes == ()


def test_tensors_that_layers_share_are_left_alone() -> None:
    config = tiny("causal-lm", block_table("pre-norm", "trainable gains"), "dot-product")
    model: Any = build(config).eval()
    model.decoder.blocks[1].feed_forward = model.decoder.blocks[0].feed_forward
    assert fold(config, model) == Folded(config, model)
