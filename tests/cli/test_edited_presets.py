"""A `preset.toml` edited after the start: refused where it would reach the weights, else said."""

import json
import re
import shutil
from pathlib import Path

import pytest

from synthcli.runs import Run, find_run

from .conftest import Synth, only


def edit(run: Path, old: str, new: str) -> None:
    path = run / "preset.toml"
    text = re.sub(rf"(?m)^{old}(\s+#.*)?$", new, path.read_text())
    assert text != path.read_text()
    path.write_text(text)


@pytest.fixture
def run(synth: Synth, tiny: str, here: Path) -> Path:
    assert synth("train", tiny, "--set", "training.save_every=3").code == 0
    (path,) = (here / "runs" / "tiny").iterdir()
    (path / "finished.json").unlink()
    for step in path.glob("checkpoints/step-00000006"):
        shutil.rmtree(step)
    return path


def test_an_edited_seed_is_refused_by_every_verb(synth: Synth, run: Path, here: Path) -> None:
    edit(run, "seed = 0", "seed = 5")
    path = run.relative_to(here)
    for words in (
        ("train", "--resume"),
        ("train", "--resume", "tiny"),
        ("eval", "accuracy", "tiny"),
        ("export", "tiny", "--to", "safetensors"),
        ("finetune", "tiny", "--corpus", "sort"),
    ):
        said = synth(*words)
        assert said.code == 2, words
        where = run if words[0] not in ("train",) else path
        assert said.err.splitlines()[-2:] == [
            f"error: `{where}/preset.toml` was edited after the run began: `training.seed`: 0 → 5",
            f"hint: set it back, or start a new run with what it says now: `synth train {where}/preset.toml`",
        ], words


@pytest.mark.slow
def test_both_ways_that_the_hint_names_work(synth: Synth, run: Path, here: Path) -> None:
    edit(run, "seed = 0", "seed = 5")
    hint = synth("train", "--resume").err.splitlines()[-1]
    command = re.findall(r"`synth ([^`]+)`", hint)[-1].split()
    said = synth(*command)
    assert said.code == 0, said.err
    newest = find_run("tiny")
    assert newest.path != run and "seed = 5" in newest.preset.read_text()
    edit(run, "seed = 5", "seed = 0")
    assert synth("train", "--resume", str(run)).code == 0


def test_what_does_not_reach_the_weights_is_said(synth: Synth, run: Path) -> None:
    edit(run, "beam = 2", "beam = 1")
    said = synth("train", "--resume", str(run))
    assert said.code == 0
    assert f"`{run}/preset.toml` was edited after the run began: `evaluation.beam`: 2 → 1" in said.err


def test_the_checkpoint_tells_where_the_environment_was_lost(synth: Synth, run: Path) -> None:
    edit(run, "seed = 0", "seed = 5")
    (run / "environment.json").unlink()
    said = synth("train", "--resume", str(run))
    assert said.code == 2
    last = run / "checkpoints" / "step-00000003"
    assert said.err.splitlines()[-2] == (
        f"error: `{run}/preset.toml` was edited after `{last}` was trained by it"
    )
    edit(run, "seed = 5", "seed = 0")
    assert synth("train", "--resume", str(run)).code == 0


def test_a_run_of_before_goes_on_and_notes_its_preset_then(synth: Synth, run: Path) -> None:
    record = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({"sessions": record["sessions"]}))
    assert synth("train", "--resume", str(run)).code == 0
    assert Run(run).record["preset"] == record["preset"]


def test_comments_and_spaces_are_no_edit(synth: Synth, run: Path) -> None:
    path = run / "preset.toml"
    path.write_text("# mine\n" + re.sub(r"\s+#.*", "", path.read_text()))
    said = synth("train", "--resume", str(run))
    assert said.code == 0 and "edited" not in said.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "words"), [("merge-layers", ("0", "1")), ("distill-block", ("--block", "0"))]
)
def test_a_student_is_made_anew_by_the_command_that_is_named(
    verb: str, words: tuple[str, ...], synth: Synth, teacher: Path, here: Path
) -> None:
    assert synth(verb, *words, "--closed-form-only", "--limit", "8").code == 0
    student = find_run()
    edit(here / student.path, "limit = 8", "limit = 16")
    said = synth("eval", "perplexity", student.id)
    assert said.code == 2
    where = here / student.path / "preset.toml"
    assert said.err.splitlines()[-2:] == [
        f"error: `{where}` was edited after the run began: `compress.limit`: 8 → 16",
        f"hint: set it back, or start a new run with what it says now: `synth {verb} --preset {where}`",
    ]
    said = synth(verb, "--preset", str(where))
    assert said.code == 0, said.err
    assert find_run().id != student.id and find_run().name == student.name
    assert find_run().read_results()["compress"]["text"]["learnt_from"]["sequences"] == 16


@pytest.mark.slow
def test_a_healing_names_its_own_command(synth: Synth, teacher: Path, here: Path) -> None:
    assert synth("merge-layers", "0", "1", "--closed-form-only", "--limit", "8").code == 0
    assert synth("heal", "teacher-merge-0-1", "--steps", "1").code == 0
    healed = only(here, "teacher-merge-0-1-healed")
    edit(healed, "temperature = 1.0", "temperature = 2.0")
    (healed / "finished.json").unlink()
    said = synth("heal", "--resume", str(healed))
    assert said.code == 2
    start = only(here, "teacher-merge-0-1").name + "/step-00000000"
    command = f"synth heal {start} --preset {healed}/preset.toml"
    assert said.err.splitlines()[-1] == (
        f"hint: set it back, or start a new run with what it says now: `{command}`"
    )
    said = synth(*command.split()[1:])
    assert said.code == 0, said.err
    assert "temperature = 2.0" in find_run().preset.read_text()
