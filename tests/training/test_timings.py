"""`timings.jsonl`: what a second brought, and the most memory held."""

import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from synthcli.memory import peak_memory
from synthcli.training import metrics_log as journal_module
from synthcli.training.events import Step
from synthcli.training.metrics_log import Journal, peaks
from synthcli.training.trainer import Callback, Trainer

from .toys import ToyText, toy_config, toy_model, toy_train


class Seen(Callback):
    """Keeps every step."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def on_step(self, training: Trainer, step: Step) -> None:
        self.steps.append(step)


def test_a_record_has_tokens_a_second_and_the_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(0.0, 2.0)  # two seconds between records
    clock = SimpleNamespace(perf_counter=lambda: next(ticks), strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(journal_module, "time", clock)
    journal, seen = Journal(tmp_path / "journal.jsonl", tmp_path / "timings.jsonl"), Seen()
    toy_train(toy_model(), toy_config(steps=4, log_every=2), callbacks=[journal, seen])
    records = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 4]
    tokens = [step.tokens for step in seen.steps]
    since = [tokens[0], tokens[1], tokens[2] + tokens[3]]
    for record, count in zip(records, since, strict=True):
        assert (record["seconds"], record["tokens_per_second"]) == (2.0, count / 2)
        assert 0 < record["peak_memory"] <= peak_memory()
        assert "peak_gpu_memory" not in record
    assert "tokens" not in (tmp_path / "journal.jsonl").read_text()


def test_a_step_counts_the_tokens_read_without_padding() -> None:
    seen, text = Seen(), ToyText()
    toy_train(toy_model(), toy_config(steps=1), callbacks=[seen])
    (step,) = seen.steps
    assert step.tokens == step.targets and step.tokens < len(text) * text.lengths.max()


def test_of_a_gpu_its_tensors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 7)
    monkeypatch.setattr(journal_module, "peak_memory", lambda: 9)
    assert peaks(torch.device("cuda", 0)) == {"peak_memory": 9, "peak_gpu_memory": 7}
    assert peaks(torch.device("cpu")) == {"peak_memory": 9}
