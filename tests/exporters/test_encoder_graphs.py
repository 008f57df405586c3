"""Exported encoders as one graph: torch.compile without a break, torch.export for any batch and length."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.exporters.hugging_face_cases import BERT, bundle_with
from tests.exporters.own_code import (
    ENCODER_LOADERS,
    ids,
    modules_of_their_own,
    opened,
    padded_on,
    write_own,
)
from tests.exporters.tiny_models import FAMILIES

pytestmark = pytest.mark.slow

LABELS = 3
STACK = {"encoder": {"layers": 1, "max_length": 16}}
TABLES = {"bert": BERT} | {name: FAMILIES[name] for name in ("synthesizer", "simplified-blocks")}
FREE = (torch.export.Dim("batch", max=99), torch.export.Dim("length", min=2, max=12))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("graphs")
    with modules_of_their_own(folder / "modules"):
        for name, table in TABLES.items():
            write_own(bundle_with(name, "masked-lm", table | STACK | {"dropout": 0.1}), folder / name)
        yield folder


def inputs(loader: str, batch: int, length: int) -> dict[str, Tensor]:
    """Return texts padded on the left, all but the first."""
    lengths = (length, *[length // 2] * (batch - 1))
    given = {"input_ids": ids(batch, length), "attention_mask": padded_on("left", lengths, length)}
    if loader == "AutoModelForMultipleChoice":
        given = {name: x[:, None].repeat(1, 2, 1) for name, x in given.items()}
    return given


def first(output: Any) -> Tensor:
    """Return logits or hidden states, of padding none."""
    found: Tensor = next(iter(output.values()))
    return found


FORWARD = [
    ("AutoModel", "synthesizer"),
    ("AutoModel", "simplified-blocks"),
    ("AutoModelForTokenClassification", "bert"),
    ("AutoModelForQuestionAnswering", "bert"),
    ("AutoModelForMultipleChoice", "bert"),
]
TRAINING = ("AutoModelForMaskedLM", "AutoModelForSequenceClassification")
EXPORTED = [
    ("AutoModel", "synthesizer"),
    ("AutoModelForMaskedLM", "bert"),
    ("AutoModelForQuestionAnswering", "bert"),
    ("AutoModelForMultipleChoice", "bert"),
]


def test_every_class_is_compiled() -> None:
    assert {loader for loader, _ in FORWARD} | set(TRAINING) == set(ENCODER_LOADERS)


@pytest.mark.filterwarnings(
    "ignore:<class 'torch.autograd.function.Function'>:DeprecationWarning"
)  # dynamo's
@pytest.mark.parametrize(("loader", "name"), FORWARD)
def test_a_class_compiles_without_a_break(loader: str, name: str, root: Path) -> None:
    torch.compiler.reset()
    model, given = opened(loader, root / name, num_labels=LABELS), inputs(loader, 3, 7)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(first(compiled(**given)), first(model(**given)))


@pytest.mark.parametrize("loader", TRAINING)
def test_a_training_step_compiles_without_a_break(loader: str, root: Path) -> None:
    torch.compiler.reset()
    model, given = opened(loader, root / "bert", num_labels=LABELS).train(), inputs(loader, 3, 7)
    given["labels"] = given["input_ids"] if loader == "AutoModelForMaskedLM" else torch.tensor([0, 2, 1])
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert bool(compiled(**given).loss.isfinite())  # with dropout, drawn otherwise
    for module in model.modules():
        if isinstance(getattr(module, "rate", None), float):
            module.rate = 0.0  # type: ignore[assignment]
    found = []
    for run in (model, compiled):
        loss = run(**given).loss
        found.append((loss, *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)))
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize(("loader", "name"), EXPORTED)
def test_a_class_exports_for_any_batch_and_length(loader: str, name: str, root: Path) -> None:
    model, given = opened(loader, root / name, num_labels=LABELS), inputs(loader, 3, 7)
    axes = {key: {0: FREE[0], x.dim() - 1: FREE[1]} for key, x in given.items()}
    program = torch.export.export(model, (), given, dynamic_shapes=axes).module()
    for shape in ((3, 7), (2, 10)):
        other = inputs(loader, *shape)
        torch.testing.assert_close(first(program(**other)), first(model(**other)))
