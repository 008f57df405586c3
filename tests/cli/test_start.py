"""A preset that starts from another one's run reads text in the pieces of that run."""

import json
from pathlib import Path

import pytest

from .conftest import Synth

STARTED = """\
extends = "./tiny.toml"
title = "Starts where another preset ended"
[data]
corpus = "stdlib-docstrings"
[data.tokenizer]
kind = "sentencepiece-unigram"
vocab_size = 500
[start]
checkpoint = "tiny"
freeze = ["encoder"]
"""


@pytest.mark.slow
def test_train_takes_the_tokenizer_of_the_checkpoint_it_starts_from(
    synth: Synth, here: Path, tiny: str
) -> None:
    assert synth("train", tiny).code == 0
    (here / "started.toml").write_text(STARTED)
    said = synth("train", "started.toml")
    assert said.code == 0, said.err
    assert "loaded " in said.err and "resized" not in said.err
    (config,) = here.glob("runs/started/*/checkpoints/last/config.json")
    assert json.loads(config.read_text())["vocab_size"] == 260


def test_a_preset_without_the_run_it_starts_from_says_so(synth: Synth, here: Path, tiny: str) -> None:
    (here / "started.toml").write_text(STARTED)
    said = synth("train", "started.toml")
    assert said.code == 2
    assert said.err.startswith("error: unknown checkpoint `tiny`\nhint: `synth train PRESET` makes a run")
