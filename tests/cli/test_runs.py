"""`synth runs`: whatever lies there is listed; what goes is shown and asked for, and what is in use stays."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from synthcli.atomic_files import UNFINISHED, hold_lock
from synthcli.runs import Run, create_run
from synthcli.runs.removing import WAIT
from tests.test_runs import trained_run
from tests.training.toys import toy_config, toy_model, toy_train

from .conftest import Synth

LEFT = f"{UNFINISHED}20261121-090412-8f3a"


@pytest.fixture
def root(here: Path) -> Path:
    return here / "runs"


def student_of(teacher: Run, name: str, root: Path) -> Run:
    """Make a run that starts from the last checkpoint of another, and has it for its teacher."""
    word = f"{teacher.id}/step-00000002"
    preset = f'name = "{name}"\n[start]\ncheckpoint = "{word}"\n[compress]\nteacher = "{word}"\n'
    reference = {"path": word, "absolute": str(teacher.last), "run": teacher.id, "step": "step-00000002"}
    facts = {"references": {"start.checkpoint": reference, "compress.teacher": reference}}
    return create_run(name, preset, root, "heal", facts=facts)


def interrupted_run(root: Path, name: str) -> Run:
    """Train a step of two."""
    run = trained_run(root, name, steps=2)
    (run.path / "finished.json").unlink()
    for path in (run.checkpoints / "last", run.checkpoints / "best"):
        path.unlink(missing_ok=True)
    shutil.rmtree(run.last)
    return run


def states(said_out: str) -> dict[str, tuple[str, str]]:
    return {Path(row["path"]).name: (row["kind"], row["state"]) for row in json.loads(said_out)}


def test_everything_that_lies_there_is_listed_as_what_it_is(synth: Synth, root: Path) -> None:
    complete, stopped = trained_run(root, "a"), interrupted_run(root, "b")
    begun, torn, bare, cut = (create_run("c", 'name = "c"\n', root) for _ in range(4))
    (torn.path / "environment.json").write_text("{")
    (bare.path / "preset.toml").unlink()
    shutil.copytree(complete.checkpoints, cut.checkpoints, symlinks=True)
    (cut.last / "model.safetensors").write_bytes(b"short")
    (root / "c" / LEFT).mkdir()
    (root / "c" / "notes.txt").write_text("mine")
    (root / "plots").mkdir()
    (root / "todo.md").write_text("mine")
    before = sorted(root.rglob("*"))
    said = synth("runs", "ls", "--json")
    assert said.code == 0 and said.err == ""
    found = states(said.out)
    assert found[torn.id][1].startswith(f"damaged: `{Path('runs') / 'c' / torn.id}/environment.json`")
    assert found | {torn.id: ("damaged", "")} == {
        complete.id: ("run", "complete"),
        stopped.id: ("run", "step 1 of 2"),
        begun.id: ("run", "no checkpoint"),
        torn.id: ("damaged", ""),
        bare.id: ("damaged", "damaged: it has no `preset.toml`"),
        cut.id: (
            "damaged",
            "damaged: `model.safetensors` of checkpoint `step-00000002` is missing or cut short",
        ),
        LEFT: ("leftover", "left over"),
        "notes.txt": ("foreign", "a file"),
        "plots": ("foreign", "no run"),
        "todo.md": ("foreign", "a file"),
    }
    assert sorted(root.rglob("*")) == before
    table = synth("runs", "ls")
    assert table.code == 0 and all(name in table.out for name in found)
    assert "1 left over by killed commands: `synth runs rm --leftovers`" in table.err


def test_an_empty_folder_of_runs_is_an_empty_list(synth: Synth, here: Path) -> None:
    said = synth("runs", "ls", "--json")
    assert (said.code, said.out) == (0, "[]\n")
    assert list(here.iterdir()) == []


def test_a_list_may_be_of_one_name(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    create_run("b", 'name = "b"\n', root)
    assert states(synth("runs", "ls", "a", "--json").out) == {run.id: ("run", "no checkpoint")}


def test_a_run_is_shown_with_what_it_is_made_of_and_used_for(synth: Synth, root: Path) -> None:
    run = trained_run(root, "a")
    student = student_of(run, "b", root)
    run.write_result("perplexity-test", {"figures": [{"name": "perplexity", "value": 12.5}]})
    shown = json.loads(synth("runs", "show", "a", "--json").out)
    assert (shown["id"], shown["command"], shown["state"]) == (run.id, "train", "complete")
    path = str(Path("runs") / "b" / student.id)
    assert shown["used_by"] == [{"run": path, "role": "teacher"}, {"run": path, "role": "start"}]
    assert [one["name"] for one in shown["checkpoints"]] == ["step-00000001", "step-00000002"]
    assert shown["losses"]["validation_loss"]["step"] == 2
    assert shown["results"] == {"perplexity-test": {"perplexity": 12.5}}
    assert shown["speed"]["tokens_per_second"] > 0 and shown["speed"]["peak_memory"] > 0
    word = f"{run.id}/step-00000002"
    made_of = json.loads(synth("runs", "show", "b", "--json").out)["made_of"]
    assert made_of == {"teacher": word, "start": word}
    table = synth("runs", "show", "a")
    assert table.code == 0 and "perplexity 12.5" in table.out and student.id in table.out


def test_records_that_are_damaged_or_gone_are_said(synth: Synth, root: Path) -> None:
    run = trained_run(root, "a")
    assert json.loads(synth("runs", "show", "a", "--json").out)["notes"] == []
    first, *rest = run.journal.read_text().splitlines(keepends=True)
    run.journal.write_text("".join([first[:9] + "\n", *rest]))
    run.timings.unlink()
    notes = ["`journal.jsonl` is damaged in 1 line", "`timings.jsonl` is gone"]
    assert json.loads(synth("runs", "show", "a", "--json").out)["notes"] == notes
    assert all(note in synth("runs", "show", "a").out for note in notes)


@pytest.mark.parametrize("name", ["environment.json", "finished.json", "journal.jsonl", "timings.jsonl"])
def test_a_lost_link_in_place_of_a_file_is_damage(synth: Synth, root: Path, name: str) -> None:
    run = create_run("a", 'name = "a"\n', root)
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to("nowhere")
    assert states(synth("runs", "ls", "--json").out)[run.id] == ("damaged", f"damaged: `{name}` is no file")


def test_a_damaged_run_is_not_shown(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    run.preset.write_text("name = ")
    path = Path("runs") / "a" / run.id
    said = synth("runs", "show", "a")
    assert (said.code, said.out) == (2, "")
    why = f"`{path}/preset.toml` is not TOML: invalid value (at end of document)"
    hint = f"`synth runs rm {path}` removes it"
    assert said.err == f"error: run `{path}` is damaged: {why}\nhint: {hint}\n"


def test_nothing_goes_unless_somebody_says_so(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    said = synth("runs", "rm", run.id)
    size = sum(path.stat().st_size for path in run.path.iterdir())
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"runs/a/{run.id}  no checkpoint  {size} bytes\n"
        "error: nobody can be asked, and nothing was removed\nhint: give `--yes` to remove it\n"
    )
    assert run.preset.is_file()


@pytest.mark.parametrize(("answer", "is_there"), [("n\n", True), ("y\n", False)])
def test_the_answer_decides(
    synth: Synth, root: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_there: bool
) -> None:
    run = create_run("a", 'name = "a"\n', root)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question, err: answer == "y\n")
    said = synth("runs", "rm", run.id)
    assert (said.code, run.path.exists()) == (int(is_there), is_there)
    assert said.err.endswith("nothing was removed\n" if is_there else f"removed `runs/a/{run.id}`\n")


def test_a_run_goes_whole_and_its_name_with_the_last(synth: Synth, root: Path) -> None:
    first, second = (create_run("a", 'name = "a"\n', root) for _ in range(2))
    said = synth("runs", "rm", f"a/{first.id}", "--yes", "--json")
    assert [row["path"] for row in json.loads(said.out)] == [f"runs/a/{first.id}"]
    assert list((root / "a").iterdir()) == [second.path]
    assert synth("runs", "rm", str(second.path), "-y").code == 0
    assert list(root.iterdir()) == []


def test_a_damaged_run_goes_when_it_is_named(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    run.preset.unlink()
    said = synth("runs", "rm", run.id, "--yes")
    assert said.code == 0 and "damaged: it has no `preset.toml`" in said.err
    assert list(root.iterdir()) == []


def test_what_a_process_writes_to_stays(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    with run.lock():
        assert states(synth("runs", "ls", "--json").out)[run.id][1] == "in use, no checkpoint"
        said = synth("runs", "rm", run.id, "--yes")
    assert (said.code, said.err) == (
        2,
        f"error: `runs/a/{run.id}` is in use: a process writes to it\nhint: {WAIT}\n",
    )
    assert run.preset.is_file()


def test_the_teacher_of_a_run_at_work_stays(synth: Synth, root: Path) -> None:
    teacher = trained_run(root, "a")
    student = student_of(teacher, "b", root)
    with student.lock():
        said = synth("runs", "rm", "a", "--yes")
    message = f"`runs/a/{teacher.id}` is in use: it is the teacher of `runs/b/{student.id}`"
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {WAIT}\n")
    assert teacher.last is not None


def test_a_compression_under_way_may_read_any_model(synth: Synth, root: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    recording = root / ".activations-0a"
    recording.mkdir()
    with hold_lock(recording):
        said = synth("runs", "rm", "a", "--yes")
        assert synth("runs", "rm", "--leftovers", "--yes").err == "nothing is left over\n"
    message = f"`runs/a/{run.id}` may be in use: a model is being compressed, in `runs/.activations-0a`"
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {WAIT}\n")
    assert synth("runs", "rm", "--leftovers", "--yes").code == 0
    assert list(root.iterdir()) == [root / "a"]


def test_who_points_to_a_run_that_goes_is_said(synth: Synth, root: Path) -> None:
    teacher = trained_run(root, "a")
    student = student_of(teacher, "b", root)
    said = synth("runs", "rm", "a", "--yes")
    for role in ("teacher", "start"):
        note = f"note: `runs/a/{teacher.id}` is the {role} of `runs/b/{student.id}` (no checkpoint)\n"
        assert note in said.err
    assert not teacher.path.exists() and student.preset.is_file()


def test_runs_that_go_together_miss_nobody(synth: Synth, root: Path) -> None:
    teacher = trained_run(root, "a")
    student_of(teacher, "b", root)
    said = synth("runs", "rm", "a", "b", "--yes")
    assert said.code == 0 and "note:" not in said.err and list(root.iterdir()) == []


def test_a_kill_leaves_what_the_next_one_removes(
    synth: Synth, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_run(root, "a")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        assert synth("runs", "rm", "a", "--yes").code == 130
    aside = f"{UNFINISHED}{run.id}"
    assert states(synth("runs", "ls", "--json").out) == {aside: ("leftover", "left over")}
    assert synth("runs", "rm", "--leftovers", "--yes").code == 0
    assert list(root.iterdir()) == []


def test_what_a_kill_left_goes_with_the_next_run_of_the_name(root: Path) -> None:
    (root / "a" / LEFT).mkdir(parents=True)
    run = create_run("a", 'name = "a"\n', root)
    assert list((root / "a").iterdir()) == [run.path]


def test_a_run_that_was_removed_is_not_resumed(root: Path) -> None:
    """Whoever opened the lock before it went writes nowhere else."""
    run = create_run("a", 'name = "a"\n', root)
    shutil.rmtree(run.path)
    with pytest.raises(Exception, match="there is no") as caught, run.lock():
        toy_train(toy_model(), toy_config(steps=1))
    assert caught.value.message.startswith(f"`{run.path / '.lock'}` could not be written: there is no")


MISTAKES = {
    "nothing named": (["rm"], "no run is named", "list them with `synth runs ls`"),
    "no runs": (["rm", "a"], "there are no runs in `runs`", "`synth train PRESET` makes one"),
    "no run to show": (["show"], "there are no runs in `runs`", "`synth train PRESET` makes one"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message(synth: Synth, here: Path, name: str) -> None:
    words, message, hint = MISTAKES[name]
    said = synth("runs", *words)
    assert (said.code, said.out, said.err) == (2, "", f"error: {message}\nhint: {hint}\n")
    assert list(here.iterdir()) == []


def test_what_is_named_wrongly_stays(synth: Synth, root: Path) -> None:
    first, second = (create_run("a", 'name = "a"\n', root) for _ in range(2))
    (root / "plots").mkdir()
    ids = f"`{second.id}`, `{first.id}`"
    for word, message, hint in (
        ("a", "`a` names 2 runs", f"name one by its id: {ids}"),
        ("b", "unknown run `b`", f"known: `{first.id}`, `{second.id}`, `a`"),
        ("plots", "`runs/plots` is no run, and not removed", "remove it yourself if it is yours"),
    ):
        said = synth("runs", "rm", word, "--yes")
        assert (said.code, said.err) == (2, f"error: {message}\nhint: {hint}\n")
    assert first.preset.is_file() and second.preset.is_file() and (root / "plots").is_dir()


def test_a_run_elsewhere_goes_by_its_path(synth: Synth, here: Path) -> None:
    elsewhere = here / "elsewhere"
    run = trained_run(elsewhere, "a")
    student = student_of(run, "b", elsewhere)
    said = synth("runs", "rm", str(run.path), "--yes")
    assert said.code == 0 and not run.path.parent.exists()
    assert f"is the teacher of `{student.path}` (no checkpoint)\n" in said.err


REFUSED = "error: `{path}` could not be removed whole: nothing may be written in `{path}`\n"
HELPS = "hint: make it writable, then `{command}`\n"


def refuse(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(what, refused)


@pytest.mark.parametrize("what", ["pathlib.Path.rename", "synthcli.runs.run.Run._hold"])
def test_a_removal_that_is_refused_names_the_command_for_the_rest(
    synth: Synth, root: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run = create_run("a", 'name = "a"\n', root)
    with monkeypatch.context() as patched:
        refuse(what, patched)
        said = synth("runs", "rm", "a", "--yes")
    path = f"runs/a/{run.id}"
    command = f"synth runs rm {path}"
    whole = (REFUSED + HELPS).format(path=root.parent / path, command=command)
    assert (said.code, said.err.partition("\n")[2]) == (
        1,
        whole.replace(f"`{root.parent / path}`", f"`{path}`", 1),
    )
    assert synth(*command.split()[1:], "--yes").code == 0 and list(root.iterdir()) == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_a_refused_removal_has_begun_goes_by_the_command_it_names(
    synth: Synth, root: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    run = create_run("a", 'name = "a"\n', root)
    with monkeypatch.context() as patched:
        refuse("shutil.rmtree", patched)
        if elsewhere:
            patched.setenv("SYNTH_RUNS", "others")
        said = synth("runs", "rm", f"runs/a/{run.id}", "--yes")
    command = "synth runs rm --leftovers"
    named = f"SYNTH_RUNS=runs {command}" if elsewhere else command
    assert said.code == 1 and said.err.endswith(f"then `{named}`\n")
    assert synth(*command.split()[1:], "--yes").code == 0 and list(root.iterdir()) == []


def test_a_run_goes_where_its_lock_cannot_be_written(
    synth: Synth, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: what is removed is what makes room."""
    create_run("a", 'name = "a"\n', root)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", full)
    assert synth("runs", "rm", "a", "--yes").code == 0 and list(root.iterdir()) == []


def test_a_lock_that_leads_elsewhere_is_not_written_to(synth: Synth, root: Path, here: Path) -> None:
    run = create_run("a", 'name = "a"\n', root)
    (here / "mine").write_text("mine")
    (run.path / ".lock").unlink(missing_ok=True)
    (run.path / ".lock").symlink_to(here / "mine")
    said = synth("runs", "rm", "a", "--yes")
    error = f"error: `runs/a/{run.id}/.lock` is no plain file, and locks nothing\nhint: remove it yourself\n"
    assert (said.code, said.err.partition("\n")[2]) == (2, error)
    assert (here / "mine").read_text() == "mine" and run.preset.is_file()
