"""Every class that opens an exported encoder, on every architecture, and the losses of new heads."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synthcli.exporters.hugging_face.auto_classes import LOADERS
from synthcli.exporters.hugging_face.remote_code import CLASSES
from synthcli.model.context import Context
from synthcli.model.output_heads import pool_positions
from tests.exporters.hugging_face_cases import OWN_CODE, bundle_of
from tests.exporters.own_code import (
    ENCODER_LOADERS,
    ids,
    modules_of_their_own,
    opened,
    padded_on,
    write_own,
)

ENCODERS = [name for name, (task, _) in OWN_CODE.items() if task in ("masked-lm", "classification")]
HEADS = [loader for loader in ENCODER_LOADERS if loader not in ("AutoModel", "AutoModelForMaskedLM")]
BATCH, LENGTH = 3, 7
LENGTHS = (7, 2, 5)
PLAIN, TYPED, RECURRENT = "synthesizer masked-lm", "bert-blocks masked-lm", "sru both ways"
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
# what each class makes of hidden states (batch, length, d_model) and the vectors of texts
READ: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "AutoModel": lambda model, hidden, vector: vector,
    "AutoModelForSequenceClassification": lambda model, hidden, vector: model.classifier(vector),
    "AutoModelForTokenClassification": lambda model, hidden, vector: model.classifier(hidden),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("heads")
    with modules_of_their_own(folder / "modules"):
        for name in ENCODERS:
            write_own(bundle_of(name), folder / name)
        yield folder


def inputs() -> dict[str, Tensor]:
    return {"input_ids": ids(BATCH, LENGTH), "attention_mask": padded_on("right", LENGTHS, LENGTH)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_hidden_states_are_those_of_the_stack_and_heads_stand_on_them(name: str, root: Path) -> None:
    bundle, given = bundle_of(name), inputs()
    model, config = bundle.model, bundle.config
    padding = given["attention_mask"] == 0
    context = Context(causal=config.encoder is None, key_padding=padding)
    hidden, _ = model.get_submodule(config.main_stack)(model.embeddings(given["input_ids"]), context)  # type: ignore[operator]
    vector = pool_positions(hidden, padding, config.head.pool)
    for loader, read in READ.items():
        found = opened(loader, root / name, num_labels=5, ignore_mismatched_sizes=True)
        expected = {
            "last_hidden_state": hidden,
            "pooler_output": vector,
            "logits": read(found, hidden, vector),
        }
        seen = found(**given)
        for key in set(seen):
            torch.testing.assert_close(seen[key], expected[key], rtol=0, atol=1e-5)


def test_the_page_names_the_classes_that_open_a_folder() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    names = {"choice": "classification that chooses a text"}
    for kind, classes in CLASSES.items():
        first = LOADERS[kind]
        listed = ", ".join(f"`{loader}`" for loader in (first, *(name for name in classes if name != first)))
        assert f"| {names.get(kind, kind)} | {listed} |" in page


def test_a_classifier_has_no_masked_language_model(root: Path) -> None:
    with pytest.raises(ValueError, match="AutoModelForMaskedLM"):
        opened("AutoModelForMaskedLM", root / RECURRENT)


def test_another_number_of_labels_needs_to_be_said_and_is_kept(root: Path, tmp_path: Path) -> None:
    loader = "AutoModelForSequenceClassification"
    with pytest.raises(RuntimeError, match="ignore_mismatched_sizes"):
        opened(loader, root / RECURRENT, num_labels=5)
    model = opened(loader, root / RECURRENT, num_labels=5, ignore_mismatched_sizes=True)
    assert model(**inputs()).logits.shape == (BATCH, 5) and model.classifier.weight.std() < 0.1
    model.save_pretrained(tmp_path / "saved")
    again = opened(loader, tmp_path / "saved")
    assert again.config.num_labels == 5
    torch.testing.assert_close(again(**inputs()).logits, model(**inputs()).logits, rtol=0, atol=0)


SEVERAL = torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(0))
# problem type, number of labels, labels
PROBLEMS: list[tuple[str, int, Tensor]] = [
    ("regression", 1, torch.tensor([0.5, -1.0, 2.0])),
    ("regression", 1, torch.tensor([[0.5], [-1.0], [2.0]])),
    (SINGLE, 3, torch.tensor([0, 2, 1])),
    (MULTI, 3, torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1]])),
]


@pytest.mark.parametrize(("problem", "width", "labels"), PROBLEMS)
def test_the_problem_type_is_found_out_by_the_first_labels(
    problem: str, width: int, labels: Tensor, root: Path
) -> None:
    model = opened("AutoModelForSequenceClassification", root / PLAIN, num_labels=width)
    loss = model(**inputs(), labels=labels).loss
    assert model.config.problem_type == problem
    other = opened("AutoModelForSequenceClassification", root / PLAIN, num_labels=width, problem_type=problem)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(**inputs(), labels=labels).loss, loss)


@pytest.mark.parametrize(("problem", "width", "labels"), [*PROBLEMS, ("regression", 3, SEVERAL)])
def test_the_loss_is_that_of_the_problem_type(problem: str, width: int, labels: Tensor, root: Path) -> None:
    """Against torch's own losses, of a batch and of its rows one by one."""
    model = opened("AutoModelForSequenceClassification", root / PLAIN, num_labels=width, problem_type=problem)
    torch.nn.init.normal_(model.classifier.weight)
    found = model(**inputs(), labels=labels)
    rows = found.logits.squeeze(-1) if width == 1 else found.logits
    expected = {
        "regression": lambda: F.mse_loss(rows, labels.view_as(rows)),
        SINGLE: lambda: F.cross_entropy(rows, labels),
        MULTI: lambda: F.binary_cross_entropy_with_logits(rows, labels),
    }[problem]()
    torch.testing.assert_close(found.loss, expected)
    parts = []
    for row in range(BATCH):
        one = {name: x[row : row + 1] for name, x in (inputs() | {"labels": labels}).items()}
        parts.append(model(**one, num_items_in_batch=torch.tensor(labels.numel())).loss)
    torch.testing.assert_close(sum(parts), expected)
