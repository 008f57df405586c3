"""Runs and presets as versions before wrote them are resumed, evaluated, healed and exported."""

import tomllib
from pathlib import Path

import pytest
import tomlkit
import torch

from synthcli import export, load
from synthcli.compress.config import HealConfig
from synthcli.jobs.compress.heal import prepare
from synthcli.jobs.compress.heal import run as heal_student
from synthcli.jobs.train import Observer
from synthcli.presets import old_names
from synthcli.presets.files import read_toml
from synthcli.runs import find_checkpoint, list_runs
from synthcli.training.events import Step
from synthcli.training.trainer import Callback, Trainer
from tests.cli.conftest import Synth, here, synth, train_teacher

from .make import TABLES, forget_records, old_name, steps_of, write_old_names, write_old_words

__all__ = ["here", "synth"]  # fixtures

STUDENT = "bert-distill-mine"
HEALED = f"{STUDENT}-healed"
OLD = old_name(STUDENT)
LAST = "checkpoints/last/model.safetensors"
PRESET = """\
extends = "bert-distill-block-0-heads-1-dk-16"
title = "A student for tests"
[compress]
method = "distill-block"
teacher = "teacher"
corpus = "text"
max_length = 16
limit = 16
steps = 2
[scale.smoke.compress]
corpus = "text"
max_length = 16
steps = 2
"""

pytestmark = pytest.mark.slow


class StopAt(Callback):
    """Interrupts a training after a step."""

    def on_step(self, training: Trainer, step: Step) -> None:
        training.is_interrupted = step.step == 1


def carry_out(synth: Synth, *words: str) -> str:
    said = synth(*words)
    assert said.code == 0, said.err
    return said.out + said.err


@pytest.fixture
def runs(synth: Synth, here: Path) -> Path:
    """The runs of now: a teacher, a student of it, two healings, one interrupted and one whole."""
    train_teacher(synth, here, layers=2)
    (here / f"{STUDENT}.toml").write_text(PRESET)
    carry_out(synth, "distill-block", "--preset", f"{STUDENT}.toml")
    stopped = Observer(print, training=lambda name: StopAt())
    for observer in (stopped, Observer(print)):
        heal_student(prepare(HealConfig(steps=3), STUDENT, observer), observer)
    return here / "runs"


@pytest.fixture
def old(runs: Path) -> Path:
    """The same as versions before wrote them."""
    places = steps_of(runs)
    then = {word: Path(str(path).replace(STUDENT, OLD)) for word, path in places.items()}
    for run in sorted(runs.glob("*/*")):
        forget_records(run, then)
    for folder in sorted(runs.iterdir()):
        write_old_names(folder)
    return runs


def test_every_name_that_is_listed_is_put_back(old: Path) -> None:
    assert {name for name in vars(old_names) if name.isupper()} == TABLES
    assert sorted(path.name for path in old.iterdir()) == [OLD, f"{OLD}-healed", "teacher"]
    tables = [read_toml(path) for path in old.glob("*/*/preset.toml")]
    assert all(old_names.GONE in table for table in tables)
    held = [table["compress"] for table in tables if "compress" in table]
    keys = {key for table in held for key in table}
    assert keys >= {*old_names.KEYS, *old_names.IDLE} and not keys & {*old_names.KEYS.values()}
    for key, pairs in old_names.WORDS.items():
        assert {*pairs} <= {table[key] for table in held} and not {*pairs.values()} & {
            one[key] for one in held
        }
    assert all(table["name"].startswith(tuple(old_names.PRESETS)) for table in tables if "compress" in table)


def test_a_healing_of_before_is_resumed_to_the_same_bits(synth: Synth, old: Path) -> None:
    whole, interrupted = list_runs(name=HEALED)
    assert (whole.path / LAST).read_bytes() != (interrupted.path / LAST).read_bytes()
    carry_out(synth, "heal", "--resume", str(interrupted.path))
    assert (whole.path / LAST).read_bytes() == (interrupted.path / LAST).read_bytes()
    assert interrupted.record["preset"] == read_toml(interrupted.preset)  # noted now


def test_a_training_of_before_is_resumed_to_the_same_bits(synth: Synth, old: Path) -> None:
    (run,) = list_runs(name="teacher")
    end = (run.path / LAST).read_bytes()
    carry_out(synth, "train", "teacher.toml", "--set", "training.steps=3", "--set", "training.save_every=1")
    assert (run.path / LAST).read_bytes() == end


@pytest.mark.parametrize("name", [STUDENT, OLD])
def test_a_student_of_before_is_evaluated_and_healed(name: str, synth: Synth, old: Path) -> None:
    assert find_checkpoint(name).parents[2].name == OLD
    assert "perplexity" in carry_out(synth, "eval", "perplexity", name)
    assert "top 1" in carry_out(synth, "eval", "teacher-agreement", name)
    assert "wrote" in carry_out(synth, "heal", name, "--steps", "1")


def test_a_student_of_before_is_exported(synth: Synth, old: Path) -> None:
    folder = export(OLD, "safetensors", "taken").path
    model, _ = load(OLD)
    again, _ = load(folder)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_preset_of_before_is_distilled(synth: Synth, runs: Path, here: Path) -> None:
    """A file of one's own, which extends a preset of before and holds overlays of scales."""
    table = write_old_words(tomllib.loads(PRESET))
    assert table["extends"] == "bert-distil-block-0-heads-1-dk-16"
    assert table["scale"]["smoke"]["compress"] == {"data": "text", "sequence_length": 16, "steps": 2}
    (here / "mine.toml").write_text(tomlkit.dumps(table))
    carry_out(synth, "distill-block", "--preset", "mine.toml", "--scale", "smoke", "--teacher", "teacher")
    assert read_toml(list_runs()[0].preset)["compress"]["max_length"] == 16
