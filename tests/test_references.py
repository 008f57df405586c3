"""What a run points to: found by id, by hash, by place, and refused where it is another."""

import shutil
from pathlib import Path

import pytest

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.runs import Reference, Run, create_run, find_checkpoint
from synthcli.runs.references import hash_of, path_from
from synthcli.training.checkpoints import load_checkpoint, newest_checkpoint, tidy
from synthcli.training.manifest import LAST, step_folders
from tests.training.toys import ToyText, toy_config, toy_model, toy_train

PRESET = 'name = "toy"\n'


def trained(root: Path, steps: int = 2, name: str = "toy", **config: int) -> Run:
    run = create_run(name, PRESET, root)
    settings = {"steps": steps, "save_every": 1} | config
    callbacks = run.callbacks(ByteTokenizer(), ToyText(rows=5), "f00d")
    toy_train(
        toy_model(), toy_config(**settings), callbacks=callbacks, resume=newest_checkpoint(run.checkpoints)
    )
    return run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.mark.slow
def test_a_reference_says_run_step_hash_and_place(runs: Path) -> None:
    run = trained(runs)
    reference = Reference.to(run.last)
    assert reference.word == f"{run.id}/step-00000002"
    assert reference.path == f"toy/{run.id}/checkpoints/step-00000002"
    assert reference.absolute == str(run.last)
    assert Reference.parse(reference.to_json()) == reference
    assert find_checkpoint(reference.word) == run.last == reference.find(None, "it")
    # of the files that make the model, as their manifest has them
    assert hash_of(run.last) == hash_of(shutil.copytree(run.last, runs.parent / "copy"))
    assert hash_of(run.last) != hash_of(run.checkpoints / "step-00000001")
    assert hash_of(runs) is None


def test_a_path_of_before_names_run_and_step() -> None:
    old = Reference.parse("/old/runs/toy/20260101-000000-0000/checkpoints/step-00000007")
    assert (old.run, old.step, old.sha256) == ("20260101-000000-0000", "step-00000007", None)
    told = Reference.parse({"path": old.path, "hash": "f00d"})
    assert (told.run, told.step, told.hash, told.absolute) == (old.run, old.step, "f00d", old.path)
    assert Reference.parse("/models/bert").run is None
    assert Reference.parse({"path": "x", "run": "../../etc"}).run is None


@pytest.mark.parametrize(
    ("root", "path", "shown"),
    [
        ("/a/runs", "/a/runs/x/y", "x/y"),
        ("/a/runs", "/a/models/bert", "../models/bert"),
        ("/a/runs", "/b/bert", "/b/bert"),
        ("/runs", "/bert", "/bert"),
    ],
)
def test_what_is_near_the_runs_moves_with_them(root: str, path: str, shown: str) -> None:
    assert path_from(Path(root), Path(path)) == shown


def test_the_own_tree_comes_before_the_one_of_the_environment(runs: Path, tmp_path: Path) -> None:
    run = trained(runs)
    home = Run(shutil.copytree(run.path, tmp_path / "new" / "toy" / run.id, symlinks=True))
    reference = Reference.to(run.last)
    assert reference.find(home, "it") == home.last
    shutil.rmtree(home.checkpoints / "step-00000002")
    with pytest.raises(SynthError) as caught:
        reference.find(home, "it")
    assert str(caught.value) == (
        f"it is `{reference.word}`, and run `{home.path}` has no such checkpoint any more, only "
        "`step-00000001`\nhint: restore it, or start a new run from one that is there"
    )


def test_another_under_the_same_id_is_refused_though_the_old_place_has_the_right_one(
    runs: Path, tmp_path: Path
) -> None:
    run = trained(runs)
    home = Run(shutil.copytree(run.path, tmp_path / "new" / "toy" / run.id, symlinks=True))
    there = home.checkpoints / "step-00000002"
    shutil.rmtree(there)
    shutil.copytree(home.checkpoints / "step-00000001", there)
    then, now = (hash_of(path)[:12] for path in (run.last, there))
    with pytest.raises(SynthError) as caught:
        Reference.to(run.last).find(home, "the teacher")
    assert str(caught.value) == (
        f"the teacher had the hash {then}…, and `{there}` has {now}…: it is another"
        "\nhint: restore that one, or start a new run without `--resume`"
    )


def test_a_folder_beside_the_runs_is_found_in_the_copy(runs: Path, tmp_path: Path) -> None:
    run = trained(runs)
    model = shutil.copytree(run.last, tmp_path / "models" / "bert")
    reference = Reference.to(model)
    assert (reference.run, reference.path) == (None, "../models/bert")
    shutil.copytree(tmp_path / "runs", tmp_path / "copy" / "runs", symlinks=True)
    shutil.copytree(model, tmp_path / "copy" / "models" / "bert")
    home = Run(tmp_path / "copy" / "runs" / "toy" / run.id)
    assert reference.find(home, "it") == tmp_path / "copy" / "models" / "bert"
    shutil.rmtree(tmp_path / "copy" / "models")
    assert reference.find(home, "it") == model


def test_a_copy_of_the_link_is_the_checkpoint_where_no_other_was_kept(runs: Path) -> None:
    """`rsync -L` of `last` alone."""
    run = trained(runs)
    expected = hash_of(run.last)
    copy = Run(runs / "toy" / "20991231-000000-0000")
    shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("step-*", "best"))
    assert copy.last == copy.checkpoints / LAST and hash_of(copy.last) == expected
    assert find_checkpoint(copy.id) == find_checkpoint(f"{copy.id}/last") == copy.last
    assert load_checkpoint(copy.path).step == 2
    tidy(copy.checkpoints, keep=2)
    assert step_folders(copy.checkpoints) == [copy.checkpoints / "step-00000002"]
    assert (copy.checkpoints / LAST).readlink() == Path("step-00000002")


def test_copies_of_links_beside_their_steps_become_links_again(runs: Path) -> None:
    run = trained(runs, keep=3)
    copy = Run(runs / "toy" / "20991231-000000-0000")
    shutil.copytree(run.path, copy.path, symlinks=False)
    assert not (copy.checkpoints / LAST).is_symlink()
    (copy.path / "finished.json").unlink()
    callbacks = copy.callbacks(ByteTokenizer(), ToyText(rows=5), "f00d")
    config = toy_config(steps=2, save_every=1, keep=3)
    toy_train(toy_model(), config, callbacks=callbacks, resume=newest_checkpoint(copy.checkpoints))
    assert (copy.checkpoints / LAST).is_symlink() and (copy.checkpoints / "best").is_symlink()
    assert [path.name for path in step_folders(copy.checkpoints)] == ["step-00000001", "step-00000002"]
