"""Texts, and the examples of each task that are made of them: rows of unequal length, padded."""

from typing import Any

import torch

from tests.clients.subjects import Subject

TEXTS = [
    "the dog runs",
    "a cat sees the man and the woman",
    "the small house",
    "red",
    "the woman eats in the blue house under the tree",
    "a man",
    "the cat and the dog",
    "blue tree and red tree and small tree",
]
WIDTH, SHORT = 48, 24  # positions of a row; of a target, or of an encoder's text


def encode(subject: Subject, texts: list[str] = TEXTS, width: int | None = None) -> dict[str, Any]:
    """Return the tensors of texts as the model's own tokenizer makes them."""
    length = width or (SHORT if subject.reads_only else WIDTH)
    settings = {"padding": "max_length", "max_length": length, "truncation": True, "return_tensors": "pt"}
    found = dict(subject.tokenizer(texts, **settings))
    if subject.task == "choice":  # (texts / 2, 2, length)
        found = {name: rows.view(-1, 2, rows.shape[-1]) for name, rows in found.items()}
    return found


def label(subject: Subject, inputs: dict[str, Any]) -> torch.Tensor:
    """Return labels that fit the inputs."""
    tokens, mask = inputs["input_ids"], inputs["attention_mask"]
    rows = torch.arange(len(tokens))
    if subject.task == "masked-lm":
        positions = torch.arange(tokens.shape[1])
        hides = (positions + rows[:, None]) % 3 == 0  # unequal numbers of targets
        return tokens.masked_fill(~hides | (mask == 0), -100)
    if subject.task in ("causal-lm", "seq2seq"):
        return tokens.masked_fill(mask == 0, -100)
    if subject.task == "choice":
        return rows % 2
    return rows / 4 if is_regression(subject) else rows % 3


def is_regression(subject: Subject) -> bool:
    return getattr(subject.config, "problem_type", None) == "regression"


def batch_of(subject: Subject, texts: list[str] = TEXTS) -> dict[str, Any]:
    """Return inputs and labels of a batch."""
    inputs = encode(subject, texts)
    return inputs | {"labels": label(subject, inputs)}


def examples(subject: Subject, copies: int = 1) -> list[dict[str, Any]]:
    """Return the batch as examples for a `Trainer`; a model that chooses has two texts in each."""
    batch = batch_of(subject, TEXTS * copies * (2 if subject.task == "choice" else 1))
    return [{name: rows[i] for name, rows in batch.items()} for i in range(len(batch["labels"]))]


def logits_of(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the logits at real positions, or of each row; a target is what the source is."""
    given = {name: rows for name, rows in inputs.items() if name != "labels"}
    if model.config.is_encoder_decoder:
        given["decoder_input_ids"] = given["input_ids"][:, :7]
    with torch.no_grad():
        logits: torch.Tensor = model(**given).logits
    is_row_wise = logits.dim() < 3 or model.config.is_encoder_decoder
    return logits if is_row_wise else logits[given["attention_mask"] > 0]


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape, (a.shape, b.shape)
    return float((a.float() - b.float()).abs().max())
