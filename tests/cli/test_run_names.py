"""`--name`: a run is called so in every command that makes one; what cannot be a name is one message."""

from pathlib import Path

import pytest

from synthcli.atomic_files import UNFINISHED
from synthcli.errors import SynthError
from synthcli.presets.files import read_toml
from synthcli.runs import create_run
from synthcli.runs.naming import CHOOSE, LONGEST, refuse_run_name

from .conftest import Synth, only

ODD = {
    "": "`--name` is empty",
    " ": "`--name  ` cannot name a run",
    "../x": "`--name ../x` cannot name a run",
    "a/b": "`--name a/b` cannot name a run",
    ".hidden": "`--name .hidden` cannot name a run",
    "a\n": "`--name a\n` cannot name a run",
    "mine.toml": "`--name mine.toml` cannot name a run",
    "wmt14-dense": "`--name wmt14-dense` is the name of a preset, and would pass for a run of it",
}


def test_a_training_is_called_as_it_is_asked_to(synth: Synth, here: Path, tiny: str) -> None:
    assert synth("train", tiny, "-o", "mine").code == 0
    run = only(here, "mine")
    assert read_toml(run / "preset.toml")["name"] == "mine"
    assert synth("train", "--resume", "mine").err.startswith(f"run `runs/mine/{run.name}` is complete\n")
    again = synth("train", tiny, "--name", "mine")
    assert (again.code, again.err) == (
        2,
        f"error: `--name mine` is taken by run `runs/mine/{run.name}`\nhint: choose another name\n",
    )
    assert only(here, "mine") == run


@pytest.mark.slow
def test_every_command_that_makes_a_run_takes_a_name(synth: Synth, here: Path, teacher: Path) -> None:
    few = ("--closed-form-only", "--limit", "24", "--teacher", str(teacher))
    for words in (
        ("merge-layers", "1", "2", *few, "-o", "merged"),
        ("distill-block", "--block", "0", *few, "-o", "distilled"),
        ("heal", "merged", "--steps", "1", "--batch-size", "2", "-o", "healed"),
        ("finetune", "teacher", "--corpus", "text", "--source", "words", "-o", "tuned"),
    ):
        said = synth(*words)
        assert said.code == 0, said.err
        assert read_toml(only(here, words[-1]) / "preset.toml")["name"] == words[-1]
    said = synth("heal", "--resume", "healed", "-o", "other")
    message = "`--resume` goes on with the run's own settings, and others are given"
    hint = "leave them out, or begin anew without `--resume`"
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {hint}\n")


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("verb", ["train", "finetune", "heal", "merge-layers", "distill-block"])
def test_an_odd_name_is_one_message(synth: Synth, here: Path, verb: str, name: str) -> None:
    words = {
        "train": ["wmt14-random"],
        "finetune": ["x", "--corpus", "copy"],
        "heal": ["x"],
        "merge-layers": ["1", "2"],
        "distill-block": ["--block", "0"],
    }
    said = synth(verb, *words[verb], f"--name={name}")
    assert (said.code, said.out, said.err) == (2, "", f"error: {ODD[name]}\nhint: {CHOOSE}\n")
    assert list(here.iterdir()) == []


def test_a_long_name_is_cut_in_its_message() -> None:
    refuse_run_name("a" * LONGEST)
    with pytest.raises(SynthError) as caught:
        refuse_run_name("a" * (LONGEST + 1))
    assert str(caught.value) == (
        f"`--name {'a' * LONGEST}…` is longer than {LONGEST} characters\nhint: choose a shorter one"
    )


def test_a_name_that_something_has_is_taken(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run("mine", 'name = "mine"\n')
    goes_on = f"choose another name; `synth train --resume {run.path}` continues it"
    for name in ("mine", run.id):
        with pytest.raises(SynthError) as caught:
            refuse_run_name(name)
        assert (caught.value.message, caught.value.hint) == (
            f"`--name {name}` is taken by run `{run.path}`",
            goes_on,
        )
    (here / "runs" / "notes").touch()
    with pytest.raises(SynthError) as caught:
        refuse_run_name("notes")
    assert str(caught.value) == "`--name notes` is taken: `runs/notes` is there\nhint: choose another name"
    (here / "runs" / "left" / f"{UNFINISHED}20261121-090412-8f3a").mkdir(parents=True)
    refuse_run_name("left")  # of a killed command
    refuse_run_name("wmt14-dense", "wmt14-dense")
    monkeypatch.setenv("RANK", "1")  # the main process has made the run already
    refuse_run_name("mine")


USELESS = {
    "two presets": (
        ["a.toml", "b.toml"],
        "`--name mine` is for one run, and 2 presets are named",
        "train them one by one",
    ),
    "a resumed run": (
        ["--resume"],
        "`--name mine` is for a new run, and none is made",
        "leave it out, or the option beside it",
    ),
    "a plan": (
        ["a.toml", "--only-plan"],
        "`--name mine` is for a new run, and none is made",
        "leave it out, or the option beside it",
    ),
}


@pytest.mark.parametrize("case", USELESS)
def test_a_name_for_nothing_is_refused(synth: Synth, here: Path, case: str) -> None:
    words, message, hint = USELESS[case]
    said = synth("train", *words, "--name", "mine")
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {hint}\n")
    assert list(here.iterdir()) == []
