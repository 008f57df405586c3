"""Encoders with own code, beside transformers' BERT of the same weights, by every class that opens them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.exporters.hugging_face_cases import BERT, JUDGE, NAMES, NUMBER, bundle_with
from tests.exporters.own_code import ids, modules_of_their_own, opened, padded_on, write_own, write_twin

BATCH, LENGTH, CHOICES = 4, 9, 3
LENGTHS = (9, 4, 7, 1)
TOLERANCE = {"rtol": 1e-5, "atol": 2e-5}
MODELS = {
    "classifier": ("classification", JUDGE | {"class_names": NAMES}),
    "number": ("classification", NUMBER),
    "language model": ("masked-lm", BERT),
}
# the model whose folder each class opens; a choice is one logit, as a regression is
OPENED = {
    "AutoModel": "classifier",
    "AutoModelForMaskedLM": "language model",
    "AutoModelForSequenceClassification": "classifier",
    "AutoModelForTokenClassification": "classifier",
    "AutoModelForQuestionAnswering": "language model",
    "AutoModelForMultipleChoice": "number",
}
HEADS = {"classifier": "classifier", "qa_outputs": "qa_outputs"}  # theirs → ours


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("encoders")
    with modules_of_their_own(root / "modules"):
        for name, (task, table) in MODELS.items():
            bundle = bundle_with(name, task, table)
            write_own(bundle, root / "own" / name)
            write_twin(bundle, root / "native" / name)
        yield root


def pair(loader: str, root: Path, **options: Any) -> tuple[Any, Any]:
    """Return our model and transformers', of the same weights."""
    name = OPENED[loader]
    ours = opened(loader, root / "own" / name, **options)
    theirs = opened(loader, root / "native" / name, attn_implementation="eager", **options)
    for source, target in HEADS.items():
        if hasattr(theirs, source):
            getattr(ours, target).load_state_dict(getattr(theirs, source).state_dict())
    return ours, theirs


def inputs_for(loader: str, side: str = "right") -> dict[str, Tensor]:
    mask = padded_on(side, LENGTHS, LENGTH)
    given = {"input_ids": ids(BATCH, LENGTH), "attention_mask": mask}
    given["token_type_ids"] = (torch.arange(LENGTH) > 3).long().expand(BATCH, LENGTH)
    if loader == "AutoModelForMultipleChoice":
        given = {
            name: torch.stack([x.roll(shift, 0) for shift in range(CHOICES)], 1) for name, x in given.items()
        }
    return given


def labels_for(loader: str) -> dict[str, Tensor]:
    """Return labels, of which some count for nothing."""
    words, uncounted = ids(BATCH, LENGTH, seed=1), ids(BATCH, LENGTH, seed=2) % 3 > 0
    if loader == "AutoModelForMaskedLM":
        return {"labels": words.masked_fill(uncounted, -100)}
    if loader == "AutoModelForTokenClassification":
        return {"labels": (words % 3).masked_fill(uncounted, -100)}
    if loader == "AutoModelForQuestionAnswering":
        starts, ends = torch.tensor([0, 2, -1, 99]), torch.tensor([[1], [3], [8], [9]])
        return {"start_positions": starts, "end_positions": ends}
    return {"labels": torch.tensor([0, 2, 1, 1])} if loader != "AutoModel" else {}


def gradients(model: Any, loss: Tensor) -> list[Tensor]:
    """Return the gradients of the words' vectors and of a head."""
    heads = [getattr(model, name) for name in HEADS if hasattr(model, name)]
    wanted = [model.get_input_embeddings().weight, *(p for head in heads for p in head.parameters())]
    return list(torch.autograd.grad(loss, wanted))


def assert_same(found: Any, expected: Any) -> None:
    """Compare outputs of transformers, hidden states and maps included."""
    expected = {name: value for name, value in expected.items() if name != "cross_attentions"}
    assert set(found) == set(expected)
    for name, value in expected.items():
        ours = found[name]
        pairs = zip(ours, value, strict=True) if isinstance(value, tuple) else [(ours, value)]
        for a, b in pairs:
            torch.testing.assert_close(a, b, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.slow
@pytest.mark.parametrize("loader", OPENED)
def test_a_class_computes_what_that_of_bert_does(loader: str, folders: Path) -> None:
    ours, theirs = pair(loader, folders)
    given = inputs_for(loader) | labels_for(loader)
    options = {"output_hidden_states": True, "output_attentions": True}
    found, expected = ours(**given, **options), theirs(**given, **options)
    assert len(found.hidden_states) == len(found.attentions) + 1
    assert_same(found, expected)
    if found.get("loss") is not None:
        for a, b in zip(gradients(ours, found.loss), gradients(theirs, expected.loss), strict=True):
            torch.testing.assert_close(a, b, **TOLERANCE)


@pytest.mark.parametrize("loader", OPENED)
def test_vectors_are_taken_in_place_of_tokens_and_positions_as_they_count(loader: str, folders: Path) -> None:
    ours, theirs = pair(loader, folders)
    given = inputs_for(loader)
    tokens = given.pop("input_ids")
    vectors = ours.get_input_embeddings()(tokens)
    places = torch.arange(LENGTH).expand(tokens.shape)
    found = ours(**given, inputs_embeds=vectors, position_ids=places)
    assert_same(found, theirs(**given, inputs_embeds=vectors, position_ids=places))


@pytest.mark.parametrize("loader", OPENED)
def test_padding_on_the_left_is_padding_on_the_right(loader: str, folders: Path) -> None:
    ours, _ = pair(loader, folders)
    right, shifts = inputs_for(loader), LENGTH - torch.tensor(LENGTHS)
    options = {"output_hidden_states": True, "output_attentions": True}
    if loader == "AutoModelForMultipleChoice":
        shifts = torch.stack([shifts.roll(choice) for choice in range(CHOICES)], 1).flatten()
        left = {name: rolled(x.flatten(0, 1), shifts).view(x.shape) for name, x in right.items()}
    else:
        left = {name: rolled(x, shifts) for name, x in right.items()}
    expected, found = ours(**right, **options), ours(**left, **options)
    real = left["attention_mask"].bool().flatten(0, -2)
    for name, value in expected.items():
        if name in ("hidden_states", "attentions"):
            continue
        if value.shape[:2] == real.shape:
            torch.testing.assert_close(found[name][real], rolled(value, shifts)[real], **TOLERANCE)
        else:
            torch.testing.assert_close(found[name], value, **TOLERANCE)
    for a, b in zip(found.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(a[real], rolled(b, shifts)[real], **TOLERANCE)
    for a, b in zip(found.attentions, expected.attentions, strict=True):
        moved = rolled(rolled(b.transpose(1, 2), shifts).transpose(1, 3), shifts).permute(0, 2, 3, 1)
        seen = real[:, None, :, None] & real[:, None, None, :]
        torch.testing.assert_close(a[seen.expand_as(a)], moved[seen.expand_as(a)], **TOLERANCE)


def rolled(rows: Tensor, shifts: Tensor) -> Tensor:
    """Return each row moved to the right by its own shift."""
    return torch.stack([row.roll(int(shift), 0) for row, shift in zip(rows, shifts, strict=True)])
