"""lm-eval: a task of its own, read from a file."""

import json
from pathlib import Path
from typing import Any

import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from tests.clients.examples import TEXTS
from tests.clients.subjects import Subject

ROWS = [{"text": text, "right": row % 2, "choices": ["runs", "eats"]} for row, text in enumerate(TEXTS)]
CHOICES = """\
task: pairs
output_type: multiple_choice
doc_to_text: "{{text}}"
doc_to_choice: choices
doc_to_target: right
metric_list: [{metric: acc}]
"""
WRITTEN = """\
task: continuations
output_type: generate_until
doc_to_text: "{{text}}"
doc_to_target: "nothing"
generation_kwargs: {until: ["zzz"], max_gen_toks: 6, do_sample: false, num_beams: 1}
metric_list: [{metric: exact_match}]
"""
DATA = """\
dataset_path: json
dataset_kwargs: {data_files: {test: "FILE"}}
test_split: test
"""


def run_task(subject: Subject, folder: Path, task: str) -> list[dict[str, Any]]:
    """Return what lm-eval recorded of every row."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "task.yaml").write_text(task + DATA.replace("FILE", str(file)))
    backend = "seq2seq" if subject.task == "seq2seq" else "causal"
    model = HFLM(
        pretrained=str(subject.folder),
        backend=backend,
        trust_remote_code=True,
        device="cpu",
        batch_size=4,
        dtype="float32",
    )
    name = task.splitlines()[0].removeprefix("task: ")
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = simple_evaluate(model, tasks=[name], task_manager=manager, bootstrap_iters=0, log_samples=True)
    samples: list[dict[str, Any]] = sorted(found["samples"][name], key=lambda row: row["doc_id"])
    assert len(samples) == len(ROWS)
    return samples


def score(subject: Subject, folder: Path) -> None:
    """Log-likelihoods are those of the model, row by row."""
    model, tokenizer = subject.load(), subject.tokenizer
    for sample, row in zip(run_task(subject, folder, CHOICES), ROWS, strict=True):
        for choice, response in zip(row["choices"], sample["filtered_resps"], strict=True):  # type: ignore[arg-type]
            expected = log_likelihood(subject, model, tokenizer, row["text"], f" {choice}")
            assert abs(response[0] - expected) < 1e-3, (response, expected)


def log_likelihood(subject: Subject, model: Any, tokenizer: Any, text: Any, continuation: str) -> float:
    """Return the log-probability of a continuation as lm-eval cuts it, from one row alone."""
    whole = tokenizer(text + continuation, add_special_tokens=False)["input_ids"]
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        if subject.task == "seq2seq":
            source = tokenizer(text, return_tensors="pt")
            target = tokenizer(continuation, add_special_tokens=False, return_tensors="pt")["input_ids"]
            logits = model(**source, labels=target).logits[0]
            return gathered(logits, target[0])
        begin = tokenizer(text)["input_ids"][: len(tokenizer(text)["input_ids"]) - len(prompt)]
        row = torch.tensor([[*begin, *whole]])
        logits = model(row).logits[0, len(begin) + len(prompt) - 1 : -1]
    return gathered(logits, row[0, len(begin) + len(prompt) :])


def gathered(logits: torch.Tensor, targets: torch.Tensor) -> float:
    return float(logits.log_softmax(-1).gather(1, targets[:, None]).sum())


def write(subject: Subject, folder: Path) -> None:
    """What it writes is what `generate` writes of each row alone.

    To an encoder-decoder lm-eval allows the length of the source besides.
    """
    model, tokenizer = subject.load(), subject.tokenizer
    for sample, row in zip(run_task(subject, folder, WRITTEN), ROWS, strict=True):
        inputs, (found,) = tokenizer(row["text"], return_tensors="pt"), sample["filtered_resps"]
        if subject.task == "seq2seq":
            tokens = model.generate(**inputs, max_length=100, do_sample=False, num_beams=1)
            whole = tokenizer.decode(tokens[0], skip_special_tokens=True)
            assert whole.startswith(found.rstrip(CUT)), f"wrote {found!r}, not {whole!r}"
        else:
            tokens = model.generate(**inputs, max_new_tokens=6, do_sample=False)
            new = tokens[0, inputs["input_ids"].shape[1] :]
            assert found == tokenizer.decode(new, skip_special_tokens=True), f"wrote {found!r}"


CUT = "\ufffd"  # what a character of several bytes is until it is whole
