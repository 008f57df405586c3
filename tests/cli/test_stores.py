"""`synth stores`: whatever lies there is listed; what goes is shown and asked for; what is in use stays."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from synthcli.atomic_files import UNFINISHED
from synthcli.data.store.locking import hold_store_lock
from synthcli.data.store.manifest import read_store_manifest, store_hash
from synthcli.data.store.store import find_store, stores_in
from synthcli.runs import Run, create_run
from synthcli.runs.removing import WAIT
from tests.data.small import BYTES, multi30k
from tests.training.toys import toy_model

from .conftest import Synth


@pytest.fixture
def store(synth: Synth, here: Path) -> Path:
    """A store of 27 pairs."""
    source = multi30k(here / "pairs")
    said = synth("prepare-corpus", "multi30k", "--source", str(source), "--tokenizer", "bytes")
    assert said.code == 0, said.err
    (path,) = stores_in(here / "stores")
    return path


def reader_of(store: Path, root: Path, name: str = "a") -> Run:
    """Make a run that reads a store."""
    facts = {"store": store_hash(read_store_manifest(store)["files"])}
    return create_run(name, f'name = "{name}"\n[data]\ncorpus = "multi30k"\n', root, facts=facts)


def kinds(said_out: str) -> dict[str, tuple[str, str]]:
    return {Path(row["path"]).name: (row["kind"], row["state"]) for row in json.loads(said_out)}


def checkpoint(path: Path) -> Path:
    from synthcli.training.checkpoints import write_model
    from synthcli.training.weights import weights_of

    model = toy_model()
    write_model(path, model.config, weights_of(model), None)
    return path


def test_everything_that_lies_there_is_listed_as_what_it_is(synth: Synth, here: Path, store: Path) -> None:
    root = store.parent
    torn, cut = root / "torn", root / "cut"
    shutil.copytree(store, torn)
    shutil.copytree(store, cut)
    (torn / "manifest.json").write_text("{")
    file = cut / read_store_manifest(cut)["files"][0]["path"]
    file.write_bytes(b"")
    checkpoint(root / "model")
    (root / ".next.bytes-260.work").mkdir()
    (root / f"{UNFINISHED}gone-0123abcd").mkdir()
    (root / ".next.bytes-260.lock").touch()
    (root / "notes.txt").write_text("mine")
    run = reader_of(store, here / "runs")
    before = sorted(root.rglob("*"))
    said = synth("stores", "ls", "--json")
    assert said.code == 0 and said.err == ""
    found = kinds(said.out)
    assert found.pop("torn")[1].startswith("damaged: `stores/torn/manifest.json` cannot be read: ")
    assert found == {
        ".next.bytes-260.work": ("unfinished", "not complete"),
        f"{UNFINISHED}gone-0123abcd": ("leftover", "left over"),
        store.name: ("store", "whole"),
        "cut": ("damaged", f"damaged: `{file.relative_to(cut)}` is missing or cut short"),
        "model": ("foreign", "no store"),
        "notes.txt": ("foreign", "a file"),
    }
    (row,) = [row for row in json.loads(said.out) if row["kind"] == "store"]
    assert (
        row["rows"] == {"test_2016_flickr": 3, "train": 20, "validation": 4}
        or sum(row["rows"].values()) == 27
    )
    assert (row["corpus"], row["tokenizer"], row["runs"]) == ("multi30k", "bytes", [f"runs/a/{run.id}"])
    assert sorted(root.rglob("*")) == before
    table = synth("stores", "ls")
    assert table.code == 0 and "whole, of 1 run" in table.out


def test_a_checkpoint_beside_stores_is_none(here: Path, store: Path) -> None:
    """It has a `manifest.json` too."""
    checkpoint(store.with_name(f"{store.name}.0123abcd"))
    assert stores_in(store.parent) == [store]
    assert find_store(store.parent, "multi30k", BYTES) == store


def test_a_store_goes_whole_with_what_is_half_prepared_of_it(synth: Synth, store: Path) -> None:
    (store.parent / f".{store.name}.work").mkdir()
    said = synth("stores", "rm", "multi30k", "--yes", "--json")
    assert [row["path"] for row in json.loads(said.out)] == [f"stores/{store.name}"]
    assert list(store.parent.iterdir()) == []
    assert said.err.endswith(f"removed `stores/{store.name}`\n")


def test_nothing_goes_unless_somebody_says_so(synth: Synth, store: Path) -> None:
    said = synth("stores", "rm", store.name)
    error = "error: nobody can be asked, and nothing was removed\nhint: give `--yes` to remove it\n"
    assert (said.code, said.out) == (2, "") and said.err.endswith(error)
    assert stores_in(store.parent) == [store]


def test_a_store_that_is_being_prepared_or_read_stays(synth: Synth, here: Path, store: Path) -> None:
    path = f"stores/{store.name}"
    with hold_store_lock(store.with_name(f".{store.name}.lock"), lambda: None):
        said = synth("stores", "rm", store.name, "--yes")
    assert (said.code, said.err) == (2, f"error: `{path}` is in use: it is being prepared\nhint: {WAIT}\n")
    run = reader_of(store, here / "runs")
    with run.lock():
        said = synth("stores", "rm", store.name, "--yes")
    message = f"`{path}` is in use: run `runs/a/{run.id}` reads it"
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {WAIT}\n")
    assert stores_in(store.parent) == [store]


def test_who_reads_a_store_that_goes_is_said(synth: Synth, here: Path, store: Path) -> None:
    run = reader_of(store, here / "runs")
    said = synth("stores", "rm", store.name, "--yes")
    assert f"note: run `runs/a/{run.id}` (no checkpoint) reads `stores/{store.name}`\n" in said.err


def test_a_kill_leaves_no_store_and_the_rest_goes(
    synth: Synth, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        assert synth("stores", "rm", store.name, "--yes").code == 130
    (left,) = kinds(synth("stores", "ls", "--json").out).values()
    assert left == ("leftover", "left over") and stores_in(store.parent) == []
    assert synth("stores", "rm", "--leftovers", "--yes").code == 0
    assert list(store.parent.iterdir()) == []
    assert synth("stores", "rm", "--leftovers").err == "nothing is left over\n"


def test_what_is_no_store_stays(synth: Synth, store: Path) -> None:
    model = checkpoint(store.parent / "model")
    said = synth("stores", "rm", "model", "--yes")
    message, hint = "`stores/model` is no store, and not removed", "remove it yourself if it is yours"
    assert (said.code, said.err) == (2, f"error: {message}\nhint: {hint}\n")
    assert (model / "manifest.json").is_file()


MISTAKES = {
    "nothing named": (["rm"], "no store is named", "list them with `synth stores ls`"),
    "no stores": (["rm", "a"], "there are no stores in `stores`", "`synth prepare-corpus NAME` makes one"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message(synth: Synth, here: Path, name: str) -> None:
    words, message, hint = MISTAKES[name]
    said = synth("stores", *words)
    assert (said.code, said.out, said.err) == (2, "", f"error: {message}\nhint: {hint}\n")
    assert list(here.iterdir()) == []


def test_a_removal_that_is_refused_names_the_command_for_the_rest(
    synth: Synth, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for what, command in (
        ("pathlib.Path.rename", f"synth stores rm stores/{store.name}"),
        ("shutil.rmtree", "synth stores rm --leftovers"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(what, refused)
            said = synth("stores", "rm", store.name, "--yes")
        assert said.code == 1 and said.err.endswith(f"hint: make it writable, then `{command}`\n")
        assert (
            f"error: `stores/{store.name}` could not be removed whole: nothing may be written in" in said.err
        )
    assert synth(*command.split()[1:], "--yes").code == 0 and list(store.parent.iterdir()) == []
