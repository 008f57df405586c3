"""A folder with one of everything a command reads: runs, stores, models, tokenizers, packs, sources."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from synthcli.__main__ import main
from tests.importers.fuzz_files import export, srupp_file
from tests.importers.hub_folders import bert_folder, gpt2_folder
from tests.tiny_presets import teacher_preset, write_claims

WRITER = """\
extends = "wmt14-dense"
title = "A model that writes"
[model]
d_model = 16
d_ff = 32
[model.mixer]
heads = 2
[model.encoder]
layers = 1
max_length = 16
[model.decoder]
layers = 1
max_length = 16
[data]
corpus = "parallel:source=de,target=en"
source = "pairs"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 2
validation_examples = 8
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 1
[evaluation]
metrics = ["bleu", "accuracy"]
beam = 2
max_length = 8
"""
WRITTEN = '{"references": ["one two three four"], "hypothesis": "one two three four five"}\n' * 4
SPLITS = (("train", 60), ("valid", 20), ("test", 10))
MERGED = ("merge-layers", "1", "2", "--closed-form-only", "--limit", "24", "--teacher", "teacher")


def write_sources(box: Path) -> None:
    """Write text, pairs and labelled rows, and presets that read them."""
    for folder in ("words", "pairs"):
        (box / folder).mkdir()
    for split, rows in SPLITS:
        lines = [f"the word {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
        (box / "words" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for side, text in (("en", "abc{}"), ("de", "{}cba")):
            (box / "pairs" / f"{split}.{side}").write_text(
                "".join(f"{text.format(n)}\n" for n in range(rows))
            )
    rows = [f'"the film {n} was {n % 9}",{"good" if n % 2 else "bad"}' for n in range(60)]
    (box / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (box / "written.jsonl").write_text(WRITTEN)
    (box / "teacher.toml").write_text(teacher_preset("words"))
    write_claims(box / "claims.toml", "teacher.toml", ("training.steps=4",))
    (box / "halted.toml").write_text(teacher_preset("words").replace("steps = 2", "steps = 4"))
    (box / "writer.toml").write_text(WRITER)
    (box / "small.toml").write_text("[training]\nsteps = 2\n")


def make(box: Path) -> None:
    """Fill an empty folder, the current one, by the commands themselves."""
    write_sources(box)
    for step in STEPS:
        if callable(step):
            step(box)
        else:
            synth(*step)


def synth(*words: str) -> None:
    """Run a command that must end well."""
    sys.argv = ["synth", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{words} ended with {end.code}") from end


def models(box: Path) -> None:
    gpt2_folder(box / "gpt2")
    bert_folder(box / "bert")
    export(box / "exported")
    srupp_file(box / "original")


def halt(box: Path) -> None:
    """Have a run that was killed after its first checkpoint."""
    (run,) = (box / "runs" / "halted").iterdir()
    (run / "finished.json").unlink()
    (run / "checkpoints" / "last").unlink()
    (run / "checkpoints" / "last").symlink_to("step-00000002")
    shutil.rmtree(run / "checkpoints" / "step-00000004")


def tidy(box: Path) -> None:
    shutil.rmtree(box / "home", ignore_errors=True)
    (box / "home").mkdir()


STEPS: tuple[tuple[str, ...] | Callable[[Path], None], ...] = (
    ("train", "teacher.toml"),
    ("train", "writer.toml"),
    ("train", "halted.toml"),
    halt,
    MERGED,
    models,
    ("import", "gpt2", "-o", "lm"),
    ("tokenizer", "train", "--kind", "wordpiece", "--vocab-size", "60", "words/train.txt", "-o", "pieces"),
    ("prepare-corpus", "text", "--source", "words", "--tokenizer", "bytes", "--workers", "1"),
    ("corpora", "pack", "text", "--source", "words", "-o", "words.tar.gz"),
    tidy,
)
