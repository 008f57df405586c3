"""Encoders with own code in transformers' Trainer: a batch in parts, evaluation, the best again."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Trainer, TrainingArguments

from tests.exporters.hugging_face_cases import BERT, bundle_with
from tests.exporters.own_code import ids, modules_of_their_own, opened, padded_on, write_own

ROWS, LENGTH, CHOICES, LABELS = 8, 7, 2, 3
LENGTHS = (7, 3, 5, 2, 7, 6, 4, 1)
WORDS = ids(ROWS, LENGTH, seed=1)
UNCOUNTED = ids(ROWS, LENGTH, seed=2) % 3 > 0
CLASSES, EDGES = WORDS[:, 0] % LABELS, WORDS[:, 0] % 2
MANY = (WORDS[:, :LABELS] % 2).float()
# auto class, labels and options of `from_pretrained`
TASKS: dict[str, tuple[str, dict[str, Tensor], dict[str, Any]]] = {
    "masked words": ("AutoModelForMaskedLM", {"labels": WORDS.masked_fill(UNCOUNTED, -100)}, {}),
    "classes": ("AutoModelForSequenceClassification", {"labels": CLASSES}, {"num_labels": LABELS}),
    "one number": ("AutoModelForSequenceClassification", {"labels": WORDS[:, 0] / 99}, {"num_labels": 1}),
    "many classes": ("AutoModelForSequenceClassification", {"labels": MANY}, {"num_labels": LABELS}),
    "classes of words": (
        "AutoModelForTokenClassification",
        {"labels": (WORDS % LABELS).masked_fill(UNCOUNTED, -100)},
        {"num_labels": LABELS},
    ),
    "answers": ("AutoModelForQuestionAnswering", {"start_positions": EDGES, "end_positions": EDGES + 1}, {}),
    "choices": ("AutoModelForMultipleChoice", {"labels": WORDS[:, 0] % CHOICES}, {}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("training")
    with modules_of_their_own(root / "modules"):
        bundle = bundle_with("encoder", "masked-lm", BERT | {"encoder": {"layers": 1, "max_length": LENGTH}})
        gc.freeze()  # every training collects garbage, which takes longer than the training
        yield write_own(bundle, root / "encoder")
        gc.unfreeze()


def rows_of(task: str) -> list[dict[str, Tensor]]:
    """Return examples, padded on the right."""
    loader, labels, _ = TASKS[task]
    columns = {"input_ids": ids(ROWS, LENGTH), "attention_mask": padded_on("right", LENGTHS, LENGTH)}
    if loader == "AutoModelForMultipleChoice":
        columns = {name: torch.stack((x, x.roll(1, 0)), 1) for name, x in columns.items()}
    return [{name: x[row] for name, x in (columns | labels).items()} for row in range(ROWS)]


def trainer_of(task: str, folder: Path, output: Path, **options: Any) -> Trainer:
    loader, _, given = TASKS[task]
    arguments = TrainingArguments(
        str(output), report_to=[], logging_steps=1, disable_tqdm=True, seed=0, use_cpu=True, **options
    )
    rows: Any = rows_of(task)
    model = opened(loader, folder, **given)
    return Trainer(model, arguments, train_dataset=rows, eval_dataset=rows)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_batch_in_parts_has_the_loss_and_the_gradient_of_the_whole(
    task: str, folder: Path, tmp_path: Path
) -> None:
    found = []
    for parts in (1, 4, 8):
        trainer = trainer_of(
            task,
            folder,
            tmp_path,
            per_device_train_batch_size=ROWS // parts,
            gradient_accumulation_steps=parts,
            max_steps=1,
            save_strategy="no",
        )
        trainer.train()
        first = trainer.state.log_history[0]
        found.append((first["loss"], first["grad_norm"]))
    for loss, norm in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-4)
        assert norm == pytest.approx(found[0][1], rel=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_evaluation_while_training_finds_the_best_again(task: str, folder: Path, tmp_path: Path) -> None:
    trainer = trainer_of(
        task,
        folder,
        tmp_path,
        per_device_train_batch_size=ROWS,
        per_device_eval_batch_size=3,
        num_train_epochs=2,
        learning_rate=1e-2,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        greater_is_better=True,  # so that it is not the last
    )
    trainer.train()
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert losses[0] > losses[1]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(losses[0], rel=1e-5)
    predicted = trainer.predict(rows_of(task))  # type: ignore[arg-type]
    logits = predicted.predictions
    assert len(logits[0] if isinstance(logits, tuple) else logits) == ROWS
