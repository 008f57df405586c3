"""Parity with tensors recorded from the original simplified blocks: logits, loss and gradients."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from synthcli.errors import SynthError
from synthcli.importers.simplified_blocks import import_simplified_blocks
from synthcli.importers.translate import build_translated
from tests.importers.golden import gradient_norms, group, recorded

FILES = (
    "default",
    "default_parallel",
    "op",
    "skipless",
    "skipless_parallel",
    "skipless_parallel_nonorm",
    "trainable_value_gains",
    "value_skipinit",
)


@pytest.mark.parametrize("name", FILES)
def test_logits_loss_and_gradients_equal_the_original(name: str, shared: Path) -> None:
    options, tensors = recorded(shared / "golden" / f"simplified_{name}.safetensors")
    imported = import_simplified_blocks(options, group(tensors, "weights."), group(tensors, "fixed."))
    model = build_translated(imported).eval()

    tokens = tensors["input_ids"]
    logits, _ = model(tokens)
    torch.testing.assert_close(logits, tensors["expected.logits"], rtol=1e-4, atol=1e-5)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    torch.testing.assert_close(loss, tensors["expected.loss"][0], rtol=1e-4, atol=0)

    loss.backward()
    norms, ours = group(tensors, "expected.grad_norm."), gradient_norms(model, imported.original_names)
    assert norms
    for original, norm in norms.items():
        assert ours[original] == pytest.approx(norm.item(), rel=1e-4, abs=1e-7), original


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"norm_position": "behind"},
            "`norm_position = behind` of the simplified blocks cannot be expressed",
        ),
        ({"norm_type": "batchnorm"}, "unknown `norm_type = batchnorm` of the simplified blocks"),
        ({"n_layer": "three"}, "`n_layer = three` of the simplified blocks is not a number"),
        ({"n_layer": "None"}, "the options of the simplified blocks lack `n_layer`"),
        ({"n_layer": "2"}, "the weights hold `h.2.attn.c_proj.weight`, "),
    ],
)
def test_options_that_are_not_ours_are_refused_by_name(
    changes: dict[str, str], message: str, shared: Path
) -> None:
    options, tensors = recorded(shared / "golden" / "simplified_default.safetensors")
    with pytest.raises(SynthError) as caught:
        import_simplified_blocks(options | changes, group(tensors, "weights."), {})
    assert caught.value.message.startswith(message)


def test_a_fixed_matrix_that_the_state_dict_lacks_is_asked_for(shared: Path) -> None:
    options, tensors = recorded(shared / "golden" / "simplified_skipless.safetensors")
    with pytest.raises(SynthError) as caught:
        import_simplified_blocks(options | {"val_init_type": "orth"}, group(tensors, "weights."), {})
    assert caught.value.message == "the fixed matrix `h.0.attn.v_attn.id` is not given"
