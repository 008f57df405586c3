"""A preset of every task and family, made small, and a training of it on the stand-in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcli.data.examples.examples import Examples
from synthcli.jobs.stores import examples_of, store_for
from synthcli.jobs.train import fit_experiment
from synthcli.model import build
from synthcli.objectives import OBJECTIVES
from synthcli.presets import load_preset
from synthcli.training.seeding import seed_torch
from synthcli.training.trainer import Trainer, prepare

NARROW = [
    *("model.d_model=32", "training.precision=bf16"),
    *("training.schedule.warmup_steps=1", "training.validation_examples=24", "data.batch.size=8"),
]
BYTES = ("data.tokenizer.kind=bytes", "data.tokenizer.vocab_size=260")
OUTPUT = "model.head.output="
ATTENTION = ("model.mixer.heads=2", "model.d_ff=48")


@dataclass(frozen=True)
class Case:
    """A preset, the settings that make it small, and which of `corpora` it reads."""

    preset: str
    corpus: str
    stacks: tuple[str, ...]
    settings: tuple[str, ...] = ()
    length: int = 32

    def experiment(self, folder: Path, scale: str, layers: int | None) -> Any:
        shapes = [f"model.{stack}.max_length={self.length}" for stack in self.stacks]
        if layers is not None:
            shapes += [f"model.{stack}.layers={layers}" for stack in self.stacks]
        name, source = SOURCES[self.corpus]
        reads = [f'data.corpus="{name}"', *([] if source is None else [f'data.source="{folder / source}"'])]
        return load_preset(self.preset, scale, None, [*NARROW, *self.settings, *shapes, *reads])


SOURCES = {
    "text": ("text", "text"),
    "pairs": ("reverse", None),
    "classes": ("csv:text=text,label=label", "classes.csv"),
    "scores": ("csv:text=text,score=score", "scores.csv"),
    "choices": ("superglue-copa", "copa"),
}
RECURRENT = ("model.mixer.projection=16", *BYTES)
WORDPIECE = ("data.tokenizer.vocab_size=60", *ATTENTION)
CASES = {
    "seq2seq": Case("wmt14-vanilla", "pairs", ("encoder", "decoder"), (*ATTENTION, *BYTES)),
    "seq2seq, dense": Case("wmt14-dense", "pairs", ("encoder", "decoder"), (*ATTENTION, *BYTES)),
    "denoising": Case("c4-random-vanilla", "text", ("encoder", "decoder"), (*ATTENTION, *BYTES)),
    "causal-lm, rows": Case("lm1b-dense", "text", ("decoder",), (*ATTENTION, *BYTES)),
    "causal-lm, packed": Case("codeparrot-pre-norm", "text", ("decoder",), (*ATTENTION, *BYTES)),
    "causal-lm, skipless": Case("codeparrot-skipless-parallel", "text", ("decoder",), (*ATTENTION, *BYTES)),
    "streams": Case("srupp-enwik8-base", "text", ("decoder",), RECURRENT),
    "streams, adaptive": Case(
        "srupp-lm1b-base",
        "text",
        ("decoder",),
        ("model.mixer.projection=16", "data.tokenizer.vocab_size=80", "model.embeddings.cutoffs=[10, 40]"),
    ),
    "masked-lm, rows": Case("bert-base-wikitext-2", "text", ("encoder",), WORDPIECE),
    "masked-lm, packed": Case("crammed-bert-skipless", "text", ("encoder",), WORDPIECE),
    "classes": Case("agnews-vanilla", "classes", ("encoder",), (*ATTENTION, *BYTES)),
    "regression": Case(
        "glue-stsb-dense", "scores", ("encoder",), (*ATTENTION, *BYTES, 'model.head.output="regression"')
    ),
    "choice": Case(
        "superglue-copa-dense", "choices", ("encoder",), (*ATTENTION, *BYTES, 'model.head.output="choice"')
    ),
}


def write_corpora(folder: Path) -> None:
    """Write what the cases read: text, texts with classes, with scores, and with choices."""
    (folder / "text").mkdir(parents=True)
    lines = [f"row {n} reads {n % 7} words and writes {'again ' * (n % 5)}{n % 3}" for n in range(400)]
    for split, part in (("train", lines[:320]), ("valid", lines[320:360]), ("test", lines[360:])):
        (folder / "text" / f"{split}.txt").write_text("\n".join(part) + "\n")
    labels = [f"{line},{('low', 'high')[n % 2]}" for n, line in enumerate(lines)]
    (folder / "classes.csv").write_text("\n".join(["text,label", *labels]) + "\n")
    scores = [f"{line},{n % 5 / 2}" for n, line in enumerate(lines)]
    (folder / "scores.csv").write_text("\n".join(["text,score", *scores]) + "\n")
    (folder / "copa" / "COPA").mkdir(parents=True)
    for split, rows in (("train", 60), ("val", 30), ("test", 10)):
        text = "\n".join(json.dumps(row) for row in list_choices(lines, rows))
        (folder / "copa" / "COPA" / f"{split}.jsonl").write_text(text + "\n")


def list_choices(lines: list[str], rows: int) -> Iterator[dict[str, Any]]:
    for n in range(rows):
        texts = {"premise": lines[n][:10], "choice1": lines[n + 1][:8], "choice2": lines[n + 2][:9]}
        yield {**texts, "question": ("cause", "effect")[n % 2], "idx": n, "label": n % 2}


@dataclass
class Made:
    """A training, and the examples that it is validated on."""

    training: Trainer
    validation: Examples
    experiment: Any


def make(case: Case, folder: Path, scale: str = "smoke", layers: int | None = 2) -> Made:
    """Build a case and put it where trainings go; `layers` None are those of the scale."""
    experiment = case.experiment(folder, scale, layers)
    store = store_for(experiment.data)
    experiment = fit_experiment(experiment, store)
    seed_torch(0)
    model, data = build(experiment.model), experiment.data
    train, validation = (
        examples_of(store, split, experiment.model, data) for split in ("train", "validation")
    )
    objective = OBJECTIVES[experiment.model.task]
    training = prepare(model, train, objective, experiment.training, data.batch, ())
    training.model.train()
    return Made(training, validation, experiment)
