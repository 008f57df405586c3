"""A killed distillation, merge or healing leaves a run that is whole, one that is finished later, or none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthcli import atomic_files
from synthcli.compress.config import HealConfig
from synthcli.jobs.compress import heal as healing
from synthcli.jobs.compress import merge_layers as merging
from synthcli.jobs.compress.heal import prepare, resume
from synthcli.jobs.compress.heal import run as heal_student
from synthcli.jobs.compress.students import save_student
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.jobs.train import Observer
from synthcli.runs import Run, find_checkpoint, find_run, find_run_verb, list_runs
from synthcli.training.checkpoints import load_checkpoint
from tests.killing import is_killed, kill_self_at

from .conftest import Synth, only

pytestmark = pytest.mark.slow

EVENTS = {"open", "os.mkdir", "os.rename", "os.symlink"}
MERGE = ("merge-layers", "0", "1", "--closed-form-only", "--limit", "8")
STUDENT = "teacher-merge-0-1"


class KilledError(BaseException):
    """Ends the work where a signal would."""


@pytest.fixture
def student(synth: Synth, teacher: Path, here: Path) -> Path:
    assert synth(*MERGE).code == 0
    return only(here, STUDENT)


def test_a_student_is_whole_or_absent_wherever_it_is_killed(
    synth: Synth, teacher: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Any] = []

    def remember(*what: Any) -> Run:
        saved.extend(what)
        return save_student(*what)

    monkeypatch.setattr(merging, "save_student", remember)
    assert synth(*MERGE).code == 0
    before, events = len(list_runs(name=STUDENT)), 0
    while True:
        events += 1

        def work(number: int = events) -> None:
            kill_self_at(number, Path("runs"), EVENTS)
            save_student(*saved)

        killed = is_killed(work, None, "the student could not be saved")
        whole = list_runs(name=STUDENT)
        for run in whole:
            assert load_checkpoint(find_checkpoint(run.id)).step == 0
            assert run.is_finished and find_run_verb(run) == "merge-layers"
            assert run.read_results()["compress"]["layers"] == [1, 2, 3]
        leftovers = list(Path("runs", STUDENT).glob(".*"))
        assert len(leftovers) <= 1  # each is removed by the next
        if not killed:
            break
        for run in whole[: len(whole) - before]:  # killed after it had its name
            shutil.rmtree(run.path)
    assert events > 20 and not leftovers


def test_what_killed_commands_left_is_refused_by_name(synth: Synth, student: Path, here: Path) -> None:
    """Runs of a version that named them before they were whole."""
    (student / "environment.json").unlink()
    for name in ("checkpoints", "results"):
        shutil.rmtree(student / name)
    (student / "finished.json").unlink()
    path = student.relative_to(here)
    again, others = "`synth merge-layers`", "`synth train --resume` continues none of those"
    for words in (["train", "--resume", STUDENT], ["train", "--resume", str(path)]):
        said = synth(*words)
        assert said.code == 2
        where = path if words[-1] == STUDENT else student
        assert said.err.splitlines()[-2:] == [
            f"error: run `{where}` is one of {again}, and {others}",
            f"hint: it was killed before it had a model: remove `{where}`, and give {again} anew",
        ]
    said = synth("eval", "perplexity", STUDENT)
    assert said.code == 2
    assert said.err.splitlines()[-2] == f"error: run `{path}` has no checkpoint yet"
    assert "training" not in synth("train", "--resume").err  # the teacher is complete, and is said to be
    unfinished = student.rename(student.with_name(atomic_files.UNFINISHED + student.name))
    for command in (["train", "--resume"], ["eval", "perplexity"], ["heal"]):
        said = synth(*command, str(unfinished))
        assert said.code == 2
        assert said.err.splitlines()[-2:] == [
            f"error: `{unfinished}` is no run: it is being written, or what a killed process left of one",
            "hint: name another; the next run of that name removes what is left over",
        ]
    assert find_run().path.parent.name == "teacher"


def test_a_verb_resumes_its_own_runs_alone(synth: Synth, teacher: Path, student: Path, here: Path) -> None:
    assert synth("heal", STUDENT, "--steps", "2").code == 0
    healed = only(here, f"{STUDENT}-healed")
    refused = "and `synth {} --resume` continues none of those"
    for words, run, verb, asked, hint in (
        (["train", str(student)], student, "merge-layers", "train",
         "it is complete: `synth heal {}` trains it on towards its teacher"),
        (["train", str(healed)], healed, "heal", "train", "`synth heal --resume {}` continues it"),
        (["heal", str(teacher)], teacher, "train", "heal", "`synth train --resume {}` continues it"),
        (["heal", str(student)], student, "merge-layers", "heal",
         "it is complete: `synth heal {}` trains it on towards its teacher"),
        (["heal", "teacher"], teacher.relative_to(here), "train", "heal",
         "`synth train --resume {}` continues it"),
    ):  # fmt: skip
        said = synth(words[0], "--resume", *words[1:])
        assert said.code == 2
        assert said.err.splitlines()[-2:] == [
            f"error: run `{run}` is one of `synth {verb}`, {refused.format(asked)}",
            f"hint: {hint.format(run)}",
        ]
    assert find_run_verb(Run(healed)) == "heal" and synth("heal", "--resume", str(healed)).code == 0


def heal() -> Run:
    """Heal the student for a moment."""
    observer = Observer(print)
    return heal_student(prepare(HealConfig(steps=4, hidden=0.3), STUDENT, observer), observer).run


def stop_at_comparison(number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Kill a healing when it compares student and teacher for the n-th time; return what lets it go on."""
    real, seen = healing.measure_fidelity, 0

    def compare(*what: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == number:
            raise KilledError
        return real(*what)

    monkeypatch.setattr(healing, "measure_fidelity", compare)
    return lambda: monkeypatch.setattr(healing, "measure_fidelity", real)


@pytest.mark.parametrize("number", [1, 2])
def test_a_healing_killed_while_it_compares_is_finished_later(
    number: int, synth: Synth, student: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = heal()
    go_on = stop_at_comparison(number, monkeypatch)
    with pytest.raises(KilledError):
        heal()
    go_on()
    killed = list_runs(name=f"{STUDENT}-healed")[0]
    assert killed != whole and "after" not in killed.read_results()["compress"]
    said = synth("heal", "--resume")
    assert said.code == 0, said.err
    assert f"run `{killed.path}`" in said.err and "after" in said.out
    assert killed.read_results() == whole.read_results()
    for name in ("journal.jsonl", "checkpoints/last/model.safetensors"):
        assert (killed.path / name).read_bytes() == (whole.path / name).read_bytes()
    said = synth("heal", "--resume", killed.id)
    assert said.code == 0 and f"run `{killed.path}` is complete" in said.err


def test_a_healing_that_lost_its_account_makes_it_again(student: Path, here: Path) -> None:
    whole = heal()
    expected = whole.read_results()["compress"]
    for lost in ("finished.json", "environment.json", "results/compress.json"):
        (whole.path / lost).unlink()
    assert find_run_verb(whole) == "heal"
    resume(str(whole.path), Observer(print))
    assert whole.read_results()["compress"] == expected


def test_an_unfinished_training_is_no_teacher_that_nobody_named(
    synth: Synth, teacher: Path, here: Path
) -> None:
    again = synth("train", "teacher.toml")
    assert again.code == 0
    newest = list_runs(name="teacher")[0]
    (newest.path / "finished.json").unlink()
    assert find_teacher().path == (teacher / "checkpoints" / "step-00000002").resolve()
    for run in list_runs():
        (run.path / "finished.json").unlink(missing_ok=True)
    assert find_teacher().path == (newest.path / "checkpoints" / "step-00000002").resolve()
    said = synth(*MERGE)
    checkpoint = here / newest.path / "checkpoints" / "step-00000002"
    note = (
        f"note: `{checkpoint}` is of a training of 2 steps that is not complete: "
        f"`synth train --resume {here / newest.path}` continues it"
    )
    assert said.code == 0 and note in said.err.splitlines()
    assert note in synth("heal", STUDENT, "--steps", "1").err.splitlines()
    assert note in synth("eval", "perplexity", "teacher").err.splitlines()
    finetuned = synth(
        "finetune", "teacher", "--corpus", "text", "--source", "words", "--set", "training.steps=1"
    )
    assert finetuned.code == 0 and finetuned.err.splitlines().count(note) == 1
    assert note not in synth("eval", "perplexity", STUDENT).err


def test_a_preset_of_before_says_nothing_of_its_verb(student: Path, teacher: Path) -> None:
    for path, verb in ((student, "merge-layers"), (teacher, "train")):
        record = json.loads((path / "environment.json").read_text())
        assert record.pop("verb") == verb
        (path / "environment.json").write_text(json.dumps(record))
        assert find_run_verb(Run(path)) == verb
