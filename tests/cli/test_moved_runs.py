"""A tree of runs that is renamed, copied or kept elsewhere resumes, heals and evaluates from itself."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthcli.__main__ import main
from synthcli.compress.config import HealConfig
from synthcli.jobs.compress.heal import prepare
from synthcli.jobs.compress.heal import run as heal_student
from synthcli.jobs.finetune import Adaptation, adapt_experiment
from synthcli.jobs.train import Observer, train_experiment
from synthcli.runs import find_checkpoint, list_runs
from synthcli.runs.references import hash_of
from synthcli.training.events import Step
from synthcli.training.trainer import Callback, Trainer
from tests.old_runs.make import forget_records, steps_of
from tests.tiny_presets import teacher_preset

from .conftest import Synth, only

pytestmark = pytest.mark.slow

STUDENT, HEALED, TUNED = "teacher-merge-0-1", "teacher-merge-0-1-healed", "teacher-on-text"
FIGURES = ("before", "after", "layers")


class StopAt(Callback):
    """Interrupts a training after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, training: Trainer, step: Step) -> None:
        training.is_interrupted = step.step == self.step


def command(patch: pytest.MonkeyPatch, *words: str) -> None:
    patch.setattr(sys, "argv", ["synth", *words])
    try:
        main()
    except SystemExit as end:
        assert not end.code


def write_text(folder: Path, word: str) -> Path:
    folder.mkdir()
    for split, rows in (("train", 60), ("valid", 20), ("test", 10)):
        lines = [f"the {word} {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher and another one, a student, a healing and a finetuning whole and interrupted, evaluated."""
    here = tmp_path_factory.mktemp("tree")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.delenv("SYNTH_STORES", raising=False)
        patch.delenv("SYNTH_RUNS", raising=False)
        patch.setattr("signal.signal", lambda *what: None)
        words = write_text(here / "words", "word")
        (here / "teacher.toml").write_text(teacher_preset(words))
        (here / "other.toml").write_text(teacher_preset(words).replace("steps = 2", "steps = 3"))
        command(patch, "train", "other.toml")
        command(patch, "train", "teacher.toml")
        command(patch, "merge-layers", "0", "1", "--closed-form-only", "--limit", "8")
        stopped = Observer(print, training=lambda name: StopAt(1))
        for observer in (stopped, Observer(print)):
            heal_student(prepare(HealConfig(steps=3, hidden=0.3), STUDENT, observer), observer)
        other = write_text(here / "sentences", "sentence")
        adaptation = Adaptation("text", other, overrides=("training.steps=3", "training.save_every=1"))
        experiment = adapt_experiment(find_checkpoint("teacher"), adaptation)
        for observer in (stopped, Observer(print)):
            train_experiment(experiment, observer, "finetune")
        command(patch, "eval", "perplexity", STUDENT)
        command(patch, "eval", "teacher-agreement", HEALED)
    return here


def renamed(tree: Path, new: Path) -> None:
    """The old place is gone."""
    shutil.copytree(tree, new, symlinks=True)
    shutil.move(tree, tree.with_name("gone"))


def copied(tree: Path, new: Path) -> None:
    """With links followed; the old place is there, and what is in it has changed."""
    shutil.copytree(tree, new, symlinks=False)
    change(tree)


def kept_before(tree: Path, new: Path) -> None:
    """By a version that wrote paths alone; copied, and the old place has changed."""
    shutil.copytree(tree, new, symlinks=True)
    places = steps_of(tree / "runs")
    for run in sorted(new.glob("runs/*/*")):
        forget_records(run, places)
    change(tree)


def change(tree: Path) -> None:
    """Put another model in the place of the teacher, other words in that of the corpus, and no store."""
    teacher, other = only(tree, "teacher"), only(tree, "other")
    shutil.rmtree(teacher / "checkpoints")
    shutil.copytree(other / "checkpoints" / "step-00000003", teacher / "checkpoints" / "step-00000002")
    for name in ("stores", "words", "sentences"):
        shutil.rmtree(tree / name)
    write_text(tree / "words", "other")
    write_text(tree / "sentences", "other")


@pytest.fixture(params=[renamed, copied, kept_before])
def moved(
    request: Any, tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The tree at another place, this being the current folder; the old one comes back afterwards."""
    spare = tmp_path_factory.mktemp("spare") / "tree"
    shutil.copytree(tree, spare, symlinks=True)
    new = tmp_path_factory.mktemp("new") / "tree"
    move: Callable[[Path, Path], None] = request.param
    move(tree, new)
    monkeypatch.chdir(new)
    yield new
    for path in (tree, tree.with_name("gone")):
        shutil.rmtree(path, ignore_errors=True)
    shutil.move(spare, tree)


def results_of(run: Path, metric: str) -> Any:
    (path,) = (run / "results").glob(f"{metric}.*.json")
    return json.loads(path.read_text())["figures"]


def test_every_verb_goes_on_with_the_tree_it_is_in(synth: Synth, moved: Path, tree: Path) -> None:
    for name, verb in ((HEALED, "heal"), (TUNED, "train")):
        whole, interrupted = list_runs(name=name)
        said = synth(verb, "--resume", str(interrupted.path))
        assert said.code == 0, said.err
        assert str(tree) not in said.err
        for file in ("checkpoints/last/model.safetensors", "journal.jsonl"):
            assert (whole.path / file).read_bytes() == (interrupted.path / file).read_bytes(), (name, file)
        accounts = [run.read_results().get("compress", {}) for run in (whole, interrupted)]
        assert [accounts[0].get(key) for key in FIGURES] == [accounts[1].get(key) for key in FIGURES]
    student, healed = only(moved, STUDENT), moved / list_runs(name=HEALED)[0].path
    for run, metric in ((student, "perplexity"), (healed, "teacher-agreement")):
        expected = results_of(run, metric)
        for path in (run / "results").glob(f"{metric}.*"):
            path.unlink()
        said = synth("eval", metric, run.name)
        assert said.code == 0, said.err
        assert str(tree) not in said.err
        assert results_of(run, metric) == expected
    for words in (
        ("heal", STUDENT, "--steps", "1"),
        ("export", STUDENT, "--to", "safetensors", "-o", "out"),
        ("finetune", "teacher", "--corpus", "text", "--source", "sentences", "--set", "training.steps=1"),
        ("distill-block", "--block", "0", "--teacher", "teacher", "--closed-form-only", "--limit", "8"),
        ("probe", "teacher", "--layers", "0", "--limit", "8"),
    ):
        said = synth(*words)
        assert said.code == 0, (words, said.err)
        assert str(tree) not in said.err
    assert not list(Path().glob("runs/*/*/checkpoints/last/last"))


def test_a_teacher_that_has_changed_is_refused_with_both_hashes(
    synth: Synth, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "tree"
    shutil.copytree(tree, new, symlinks=True)
    monkeypatch.chdir(new)
    change(new)
    shutil.copytree(tree / "stores", new / "stores", dirs_exist_ok=True)
    interrupted = list_runs(name=HEALED)[1].path
    account = json.loads((interrupted / "results" / "compress.json").read_text())["teacher"]
    teacher = only(new, "teacher") / "checkpoints" / "step-00000002"
    for words, what in (
        (("heal", "--resume", str(interrupted)), f"the teacher of run `{new / interrupted}`"),
        (("eval", "teacher-agreement", str(interrupted)),
         f"the teacher of `{new / interrupted / 'checkpoints' / 'step-00000001'}`"),
    ):  # fmt: skip
        said = synth(*words)
        assert said.code == 2
        then, now = account["sha256"][:12], hash_of(teacher)[:12]
        assert said.err.splitlines()[-2:] == [
            f"error: {what} had the hash {then}…, and `{teacher}` has {now}…: it is another",
            "hint: restore that one, or start a new run without `--resume`",
        ]


def test_a_teacher_that_is_not_in_the_tree_is_taken_from_where_it_was_and_this_is_said(
    synth: Synth, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "tree"
    shutil.copytree(tree, new, symlinks=True)
    monkeypatch.chdir(new)
    teacher = only(new, "teacher")
    shutil.rmtree(teacher)
    interrupted = list_runs(name=HEALED)[1].path
    said = synth("heal", "--resume", str(interrupted))
    assert said.code == 0, said.err
    was = tree / "runs" / "teacher" / teacher.name / "checkpoints" / "step-00000002"
    what, runs = f"the teacher of run `{new / interrupted}`", new / "runs"
    assert f"{what} is not in `{runs}`: `{was}`, where it was, is taken" in said.err.splitlines()


def test_a_teacher_that_is_nowhere_may_be_shown(
    synth: Synth, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "tree"
    shutil.copytree(tree, new, symlinks=True)
    monkeypatch.chdir(new)
    teacher = only(new, "teacher")
    interrupted = list_runs(name=HEALED)[1].path
    shutil.move(teacher / "checkpoints" / "step-00000002", new / "model")
    shutil.rmtree(teacher)
    for path in (interrupted / "environment.json", interrupted / "results" / "compress.json"):
        path.write_text(path.read_text().replace(str(tree), "/nowhere"))
    said = synth("heal", "--resume", str(interrupted))
    word = f"{teacher.name}/step-00000002"
    what = f"the teacher of run `{new / interrupted}`"
    was = f"/nowhere/runs/teacher/{teacher.name}/checkpoints/step-00000002"
    assert said.err.splitlines()[-2:] == [
        f"error: {what} is `{word}`, which is neither in `{new / 'runs'}` nor at `{was}`",
        "hint: copy it there, or say where it is: `--teacher FOLDER`",
    ]
    other = only(new, "other") / "checkpoints" / "step-00000003"
    said = synth("heal", "--resume", str(interrupted), "--teacher", str(other))
    assert said.code == 2 and "it is another" in said.err
    said = synth("heal", "--resume", str(interrupted), "--teacher", "model")
    assert said.code == 0, said.err


def test_runs_under_other_names_are_found_by_their_hash(
    synth: Synth, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tree, tmp_path / "tree", symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_RUNS", "tree/runs")
    monkeypatch.setenv("SYNTH_STORES", "tree/stores")
    teacher = only(tmp_path / "tree", "teacher")
    (teacher.parent.parent / "renamed").mkdir()
    shutil.move(teacher, teacher.parent.parent / "renamed" / "20200101-000000-0000")
    change_old = tree / "runs" / "teacher"
    change_old.rename(tree / "runs" / "away")
    try:
        said = synth("heal", "--resume", HEALED)
    finally:
        (tree / "runs" / "away").rename(change_old)
    assert said.code == 0, said.err
    assert "where it was" not in said.err
