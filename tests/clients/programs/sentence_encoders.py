"""sentence-transformers: vectors of texts, and scores of pairs."""

import contextlib
from pathlib import Path

import numpy as np
from datasets import Dataset
from sentence_transformers import (
    CrossEncoder,
    CrossEncoderTrainer,
    CrossEncoderTrainingArguments,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
    models,
)
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, CrossEntropyLoss
from sentence_transformers.losses import CosineSimilarityLoss

from synthcli import distill, export, train
from tests.clients.examples import TEXTS, is_regression
from tests.clients.programs.trainer import QUIET
from tests.clients.subjects import Subject

LEARNS = QUIET | {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "logging_steps": 1}
TRUST = {"trust_remote_code": True}


def embed(subject: Subject, folder: Path) -> None:
    """Vectors learn from pairs, and are the same once saved and loaded."""
    fine_tune(subject.folder, folder)


def embed_distilled(subject: Subject, folder: Path) -> None:
    """So are those of an encoder that `synth distill-block` made of another; `subject` is not read."""
    few = ["training.steps=20"]
    with contextlib.chdir(folder):
        teacher = train("bert-base-wikitext-2", scale="smoke", overrides=few)
        student = distill(teacher, blocks=(1,), mixer="dense", steps=10)
        fine_tune(export(student, "hf", folder / "exported").path, folder)


def fine_tune(exported: Path, folder: Path) -> None:
    """Train vectors that do not depend on the batch on pairs, save them, and load them again."""
    stack = models.Transformer(str(exported), model_args=TRUST, config_args=TRUST, tokenizer_args=TRUST)
    pooling = models.Pooling(stack.get_word_embedding_dimension())
    model = SentenceTransformer(modules=[stack, pooling], device="cpu")
    before = model.encode(TEXTS, batch_size=8)
    assert before.shape == (8, stack.get_word_embedding_dimension())
    apart = np.concatenate([model.encode([text]) for text in TEXTS])
    assert np.abs(before - apart).max() < 1e-5
    rows = {"a": TEXTS, "b": TEXTS[::-1], "label": [0.0, 1.0] * 4}
    arguments = SentenceTransformerTrainingArguments(output_dir=str(folder / "run"), **LEARNS)  # type: ignore[arg-type]
    data = Dataset.from_dict(rows)
    SentenceTransformerTrainer(model, arguments, data, loss=CosineSimilarityLoss(model)).train()
    after = model.encode(TEXTS)
    assert np.abs(after - before).max() > 1e-4
    model.save_pretrained(str(folder / "saved"))
    again = SentenceTransformer(str(folder / "saved"), device="cpu", trust_remote_code=True)
    assert np.abs(again.encode(TEXTS) - after).max() == 0


def cross_encode(subject: Subject, folder: Path) -> None:
    """A score of a pair of texts learns, and is the same once saved and loaded."""
    width = 3 if subject.task == "classification" and not is_regression(subject) else 1
    model = CrossEncoder(str(subject.folder), num_labels=width, device="cpu", **ACCEPTS, **TRUST)
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    before = model.predict(pairs)
    assert before.shape == ((8,) if width == 1 else (8, width))
    assert np.abs(before - np.concatenate([model.predict([pair]) for pair in pairs])).max() < 1e-5
    data = Dataset.from_dict(
        {"a": TEXTS, "b": TEXTS[::-1], "label": ([0.0, 1.0] if width == 1 else [0, 2]) * 4}
    )
    loss = BinaryCrossEntropyLoss(model) if width == 1 else CrossEntropyLoss(model)
    arguments = CrossEncoderTrainingArguments(output_dir=str(folder / "run"), **LEARNS)  # type: ignore[arg-type]
    CrossEncoderTrainer(model, arguments, data, loss=loss).train()
    after = model.predict(pairs)
    assert np.abs(after - before).max() > 1e-4
    model.save_pretrained(str(folder / "saved"))
    again = CrossEncoder(str(folder / "saved"), device="cpu", **TRUST)
    assert np.abs(again.predict(pairs) - after).max() == 0


ACCEPTS = {"model_kwargs": {"ignore_mismatched_sizes": True}}  # a head of another width
