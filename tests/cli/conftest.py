"""The command line in this process: what a user types, what they see, the exit code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from synthcli.__main__ import main


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    out: str
    err: str
    code: int


Synth = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, so that stores and runs are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    monkeypatch.setattr("signal.signal", lambda *what: None)
    return tmp_path


@pytest.fixture
def synth(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Synth:
    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["synth", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Said(out, err, code)

    return run


@pytest.fixture
def tiny(here: Path) -> str:
    """A preset that trains in a second."""
    path = here / "tiny.toml"
    path.write_text(
        """\
extends = "wmt14-dense"
title = "A model for tests"
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
corpus = "reverse"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 16
[training]
steps = 6
evaluate_every = 3
save_every = 3
validation_examples = 20
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 2
[evaluation]
metrics = ["bleu", "accuracy"]
beam = 2
"""
    )
    return str(path)


TEACHER = """\
extends = "bert-base-wikitext-2"
title = "A teacher for tests"
[model]
d_model = 16
d_ff = 24
[model.mixer]
heads = 2
[model.encoder]
layers = 4
max_length = 16
[data]
corpus = "text"
source = "SOURCE"
[data.tokenizer]
vocab_size = 60
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 2
precision = "fp32"
[training.schedule]
warmup_steps = 1
"""


@pytest.fixture
def teacher(synth: Synth, here: Path) -> Path:
    """The run of a BERT of four layers."""
    source = here / "words"
    source.mkdir()
    for split, rows in (("train", 60), ("valid", 20), ("test", 10)):
        lines = [f"the word {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
        (source / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (here / "teacher.toml").write_text(TEACHER.replace("SOURCE", str(source)))
    said = synth("train", "teacher.toml")
    assert said.code == 0, said.err
    (run,) = (here / "runs" / "teacher").iterdir()
    return run


def only(here: Path, name: str) -> Path:
    """Return the one run of a name."""
    (run,) = (here / "runs" / name).iterdir()
    return run
