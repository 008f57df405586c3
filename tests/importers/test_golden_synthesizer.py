"""Parity with tensors recorded from the original Synthesizer repository: logits, loss and gradients."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from synthcli.importers.synthesizer import import_synthesizer
from synthcli.model import build

FILES = (
    "classifier_random",
    "lm_dense",
    "lm_hybrid_dense",
    "seq2seq_dense",
    "seq2seq_random",
    "seq2seq_vanilla",
)
SMOOTHING = 0.1  # the original smooths the labels of its seq2seq models, and of nothing else


def _recorded(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    with safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a file is not a dict


def _group(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _forward(kind: str, model: torch.nn.Module, t: dict[str, torch.Tensor]) -> torch.Tensor:
    if kind == "seq2seq":
        return model(t["src_ids"], t["decoder_input_ids"], t["src_mask"] == 0, t["decoder_mask"] == 0)
    logits = model(t["input_ids"], padding=t["mask"] == 0)
    return logits[0] if kind == "lm" else logits


@pytest.mark.parametrize("name", FILES)
def test_logits_loss_and_gradients_equal_the_original(name: str, shared: Path) -> None:
    options, tensors = _recorded(shared / "golden" / f"synthesizer_{name}.safetensors")
    imported = import_synthesizer(options, _group(tensors, "weights."))
    model = build(imported.config).eval()
    model.load_state_dict(imported.weights)

    logits = _forward(options["kind"], model, tensors)
    torch.testing.assert_close(logits, tensors["expected.logits"], rtol=1e-4, atol=1e-5)

    smoothing = SMOOTHING if options["kind"] == "seq2seq" else 0.0
    loss = F.cross_entropy(logits.flatten(0, -2), tensors["labels"].flatten(), label_smoothing=smoothing)
    torch.testing.assert_close(loss, tensors["expected.loss"][0], rtol=1e-4, atol=0)

    loss.backward()
    names = imported.original_names
    norms = _group(tensors, "expected.grad_norm.")
    ours = {names[n]: p.grad for n, p in model.named_parameters()}
    assert norms
    for original, norm in norms.items():
        if original in ours:
            torch.testing.assert_close(ours[original].norm(), norm[0], rtol=1e-4, atol=1e-7, msg=original)
        else:
            assert original in imported.unused or norm[0] == 0 or original == "lm_head.weight", original
