"""The command line in this process: what a user types, what they see, the exit code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from synthcli.__main__ import main
from tests.tiny_presets import TINY, teacher_preset, write_words


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
    path.write_text(TINY)
    return str(path)


def train_teacher(synth: Synth, here: Path, layers: int) -> Path:
    """Train a BERT of so many layers for a moment; return its run."""
    source = write_words(here / "words")
    (here / "teacher.toml").write_text(teacher_preset(source, layers))
    said = synth("train", "teacher.toml")
    assert said.code == 0, said.err
    (run,) = (here / "runs" / "teacher").iterdir()
    return run


@pytest.fixture
def teacher(synth: Synth, here: Path) -> Path:
    """The run of a BERT of four layers."""
    return train_teacher(synth, here, layers=4)


def only(here: Path, name: str) -> Path:
    """Return the one run of a name."""
    (run,) = (here / "runs" / name).iterdir()
    return run
