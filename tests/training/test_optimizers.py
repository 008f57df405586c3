"""Which parameters decay, and that moments find their parameters."""

import pytest
from torch import nn

from synthcli.training.config import AdamWConfig
from synthcli.training.optimizers import build_optimizer, decays
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
