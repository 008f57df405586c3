"""torch's own tools on a model that transformers loaded."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.clients.examples import TEXTS, difference, encode, logits_of
from tests.clients.subjects import Subject


def quantise(subject: Subject, folder: Path) -> None:
    """Linear maps of eight bits give logits that are near."""
    from torch.ao.quantization import quantize_dynamic

    model, inputs = subject.load(), encode(subject)
    exact = logits_of(model, inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    assert any("quantized" in type(module).__module__ for module in small.modules())
    assert 0 < difference(logits_of(small, inputs), exact) < 0.15 * float(exact.abs().max())


def plain_inputs(subject: Subject) -> dict[str, Any]:
    """Return inputs of two rows, as a program takes them: tensors alone, the first with padding."""
    inputs = encode(subject, TEXTS[:2] * (2 if subject.task == "choice" else 1), 16)
    if subject.task == "seq2seq":
        inputs["decoder_input_ids"] = inputs["input_ids"][:, :5]
    return inputs


class WithoutCache(nn.Module):
    """Logits alone, as programs are made."""

    def __init__(self, model: nn.Module, uses_cache: bool) -> None:
        super().__init__()
        self.model, self.options = model, {"use_cache": False} if uses_cache else {}

    def forward(self, inputs: dict[str, torch.Tensor]) -> Any:
        return self.model(**inputs, **self.options).logits


def prepared(subject: Subject) -> tuple[nn.Module, dict[str, Any], torch.Tensor]:
    model, inputs = WithoutCache(subject.load(), not subject.reads_only), plain_inputs(subject)
    with torch.no_grad():
        return model.eval(), inputs, model(inputs)


def real(subject: Subject, logits: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
    return logits[inputs["attention_mask"] > 0] if subject.task in ("causal-lm", "masked-lm") else logits


def compile_whole(subject: Subject, folder: Path) -> None:
    """One graph, without breaks, of the same logits."""
    model, inputs, expected = prepared(subject)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        found = compiled(inputs)
    assert difference(real(subject, found, inputs), real(subject, expected, inputs)) < 1e-5
    torch.compiler.reset()


def export_program(subject: Subject, folder: Path) -> None:
    """A program of any batch, saved and loaded, of the same logits."""
    model, inputs, expected = prepared(subject)
    shapes = {"inputs": {name: {0: torch.export.Dim("batch", min=2, max=8)} for name in inputs}}
    program = torch.export.export(model, (inputs,), dynamic_shapes=shapes, strict=False)
    torch.export.save(program, folder / "model.pt2")
    again = torch.export.load(folder / "model.pt2").module()
    with torch.no_grad():
        found = again(inputs)
        three = {name: torch.cat((rows, rows[:1])) for name, rows in inputs.items()}
        longer = again(three)
    assert difference(real(subject, found, inputs), real(subject, expected, inputs)) < 1e-5
    assert difference(longer[:2], found) < 1e-5
