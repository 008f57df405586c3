"""Presets with `[compress]`: every command says which one makes their model from its teacher."""

import shlex
from pathlib import Path

import pytest

from synthcli.presets import load_preset, preset_names
from tests.cli.conftest import Synth

VERBS = {  # a preset of each method, and the command the README gives for it
    "bert-distill-block-0-heads-1-dk-16": "distill-block",
    "bert-half-pipeline": "distill-block",
    "bert-merge-6-7": "merge-layers",
    "bert-heal-merged": "heal",
}
SHAPE = ["bert-merge-6-7", "--scale", "smoke", "--set", "training.steps=1"]


def next_commands(err: str) -> list[list[str]]:
    """Return the command lines a command ends by naming."""
    last = [line for line in err.splitlines() if line.startswith("next: ")][-1]
    return [shlex.split(line) for line in last.split("`")[1::2]]


@pytest.mark.slow
def test_a_preset_has_the_verb_of_its_method() -> None:
    verbs = {name: load_preset(name).verb for name in preset_names()}
    assert VERBS.items() <= verbs.items()
    assert {verb for name, verb in verbs.items() if load_preset(name).compress is None} == {"train"}


@pytest.mark.parametrize(("preset", "verb"), VERBS.items())
def test_plan_names_the_verb_and_says_whose_steps_it_shows(preset: str, verb: str, synth: Synth) -> None:
    said = synth("plan", preset, "--scale", "smoke")
    command = f"synth {verb} --preset {preset} --scale smoke"
    assert f"these steps train its shape from random initialisation; `{command}` makes it from" in said.err
    assert next_commands(said.err)[-1] == shlex.split(command)


def test_plan_repeats_what_it_was_asked(synth: Synth) -> None:
    said = synth("plan", "wmt14-dense", "--scale", "smoke", "--set", 'title="a b"')
    train = ["synth", "train", "wmt14-dense", "--scale", "smoke", "--set", 'title="a b"']
    assert next_commands(said.err)[-1] == train


def test_ls_cp_and_validate_name_the_verb(synth: Synth, here: Path) -> None:
    listed = synth("presets", "ls", "--paper", "bert-blocks")
    row = next(line for line in listed.out.splitlines() if line.startswith("bert-merge-6-7 "))
    assert " merge-layers " in row
    assert ["synth", "heal", "--preset", "NAME"] in next_commands(listed.err)
    Path("my own").mkdir()
    copied = synth("presets", "cp", "bert-heal-merged", "-o", "my own/heal.toml")
    assert next_commands(copied.err)[-1] == ["synth", "heal", "--preset", "my own/heal.toml"]
    assert synth(*next_commands(copied.err)[0][1:]).code == 0
    assert next_commands(synth("presets", "validate", "my own/heal.toml").err) == [
        ["synth", "heal", "--preset", "my own/heal.toml"]
    ]


@pytest.mark.slow
def test_training_says_that_it_trains_the_shape_alone(synth: Synth, here: Path) -> None:
    said = synth("train", *SHAPE)
    assert said.code == 0
    assert said.err.startswith(
        "this trains the shape of `bert-merge-6-7` from random initialisation\n"
        "`synth merge-layers --preset bert-merge-6-7 --scale smoke` makes it from its teacher\n"
    )
    run = next(Path("runs/bert-merge-6-7").iterdir())
    assert load_preset(str(run / "preset.toml")).compress is None  # nothing takes it for a merged model
    resumed = synth("train", *SHAPE, "--resume")
    assert (resumed.code, "is complete" in resumed.err) == (0, True)


def test_cp_refuses_a_file_whose_name_no_preset_can_have(synth: Synth) -> None:
    said = synth("presets", "cp", "wmt14-dense", "-o", "my own.toml")
    assert said.err == (
        "error: `my own` cannot be a preset's name, allowed: letters, digits, `.`, `_` and `-`\n"
        "hint: write to `wmt14-dense-mine.toml`\n"
    )
    assert (said.code, Path("my own.toml").exists()) == (2, False)
