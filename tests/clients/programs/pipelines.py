"""transformers' pipelines."""

from pathlib import Path

import torch
from transformers import pipeline

from tests.clients.examples import TEXTS, difference, is_regression
from tests.clients.subjects import CLASSES, Subject


def generate_text(subject: Subject, folder: Path) -> None:
    """Texts of a batch are continued as one at a time."""
    pipe = pipeline("text-generation", model=str(subject.folder), trust_remote_code=True, device="cpu")
    settings = {"max_new_tokens": 8, "do_sample": False, "return_full_text": False}
    together = pipe(TEXTS[:3], batch_size=3, **settings)
    apart = [pipe(text, **settings) for text in TEXTS[:3]]
    assert [rows[0]["generated_text"] for rows in together] == [rows[0]["generated_text"] for rows in apart]


def generate_by_default(subject: Subject, folder: Path) -> None:
    """Without options it ends in time, whatever it draws."""
    pipe = pipeline("text-generation", model=str(subject.folder), trust_remote_code=True, device="cpu")
    for seed in range(3):
        torch.manual_seed(seed)
        (found,) = pipe("the dog")
        assert found["generated_text"].startswith("the dog")


def fill_mask(subject: Subject, folder: Path) -> None:
    """The token of the largest logit comes first."""
    pipe = pipeline("fill-mask", model=str(subject.folder), trust_remote_code=True, device="cpu")
    tokenizer, model = subject.tokenizer, subject.load()
    text = f"the {tokenizer.mask_token} runs"
    found = pipe(text)
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[inputs["input_ids"] == tokenizer.mask_token_id]
    assert [entry["token"] for entry in found] == logits[0].topk(5).indices.tolist()


def classify_text(subject: Subject, folder: Path) -> None:
    """Scores are the softmax of the logits by the folder's names, or the number itself."""
    pipe = pipeline("text-classification", model=str(subject.folder), trust_remote_code=True, device="cpu")
    found = pipe(TEXTS, top_k=None, batch_size=3)
    inputs = subject.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = subject.load()(**inputs).logits
    for entries, row in zip(found, logits, strict=True):
        scores = row if is_regression(subject) else row.softmax(-1)
        best = sorted(range(len(row)), key=lambda place: -row[place])
        assert difference(torch.tensor([entry["score"] for entry in entries]), scores[best]) < 1e-5
        if not is_regression(subject):
            assert [entry["label"] for entry in entries] == [CLASSES[place] for place in best]


def classify_tokens(subject: Subject, folder: Path) -> None:
    """A fresh head of four names labels every token, and is saved and loaded on the way."""
    options = {"num_labels": 4, "ignore_mismatched_sizes": True}
    subject.load("AutoModelForTokenClassification", **options).save_pretrained(folder)
    subject.tokenizer.save_pretrained(folder)
    pipe = pipeline("token-classification", model=str(folder), trust_remote_code=True, device="cpu")
    found = pipe("the dog runs")
    assert [entry["word"] for entry in found] == ["the", "dog", "runs"]
    assert {entry["entity"] for entry in found} <= {f"LABEL_{number}" for number in range(4)}


def extract_features(subject: Subject, folder: Path) -> None:
    """The states of `AutoModel`, a vector a token."""
    pipe = pipeline("feature-extraction", model=str(subject.folder), trust_remote_code=True, device="cpu")
    found = torch.tensor(pipe("the dog runs"))
    inputs = subject.tokenizer("the dog runs", return_tensors="pt")
    with torch.no_grad():
        expected = subject.load("AutoModel")(**inputs).last_hidden_state
    assert difference(found, expected) < 1e-6
