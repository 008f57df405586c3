"""A store knows what it was asked to read, sees when that has changed, and says how to be made anew."""

import hashlib
import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcli.data.prepare import source_changes
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.source_changes import describe_source, find_changes, refuse_changed
from synthcli.data.store.manifest import MANIFEST
from synthcli.data.store.origin import find_given_source, prepare_command
from synthcli.data.store.store import Store, all_sources, find_store_by_hash, last_source, open_store
from synthcli.errors import SynthError
from tests.data.small import BYTES, PIECES, SOURCES, TARGETS, multi30k, write

MOMENT = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "stores"))
    return tmp_path / "stores"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of source files that were hashed to be compared."""
    names: list[str] = []

    def sha256(path: Path) -> str:
        names.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(source_changes, "sha256", sha256)
    return names


def folder_of_text(base: Path) -> Path:
    """Write two files of text, one below the other."""
    write(base / "a.txt", SOURCES)
    write(base / "more/b.txt", TARGETS)
    return base


def test_what_was_asked_for_is_remembered(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    for source in (notes / "a.txt", notes, notes / "**/b.*"):
        store = prepare_store("text", BYTES, root, source)
        assert find_given_source(store.manifest, store.path) == last_source(root, "text") == source.resolve()
    write(notes / "talk.de", SOURCES)
    write(notes / "talk.en", TARGETS)
    prepare_store("parallel:source=de,target=en", BYTES, root, notes / "talk")
    assert last_source(root, "parallel:source=de,target=en") == notes / "talk"
    assert all_sources(root, "text") == [str(notes / "**/b.*"), str(notes), str(notes / "a.txt")]
    assert last_source(root, "text:rows=files") is None


def test_a_corpus_whose_name_begins_alike_is_another(root: Path, tmp_path: Path) -> None:
    for name in ("csv:text=a", "csv:text=a.b"):
        column = name.partition("=")[2]
        prepare_store(name, BYTES, root, write(tmp_path / f"{column}.csv", [column, *SOURCES]))
    assert all_sources(root, "csv:text=a") == [str(tmp_path / "a.csv")]


def older(store: Store) -> Store:
    """Return a store as it was written before it noted what it was asked for."""
    manifest = json.loads((store.path / MANIFEST).read_text())
    del manifest["source"]["given"]
    (store.path / MANIFEST).write_text(json.dumps(manifest))
    (store.path / ".source.json").unlink()
    return open_store(store.path)


def test_older_stores_say_it_by_their_names(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    for source in (notes / "a.txt", notes):
        store = older(prepare_store("text", BYTES, root, source))
        assert find_given_source(store.manifest, store.path) == source
        assert find_changes(store) == []
    store = older(prepare_store("text", BYTES, root, notes / "*.txt"))
    with pytest.raises(SynthError) as error:
        find_given_source(store.manifest, store.path)
    assert str(error.value) == (
        f"the store `{store.path}` was read from 1 file(s) of `{notes}`,"
        " and does not say how they were named\nhint: name them: `--source PATH`"
    )


def test_nothing_is_hashed_while_sizes_and_times_agree(root: Path, tmp_path: Path, hashed: list[str]) -> None:
    notes = folder_of_text(tmp_path / "notes")
    store = prepare_store("text", BYTES, root, notes)
    for _ in range(2):
        assert find_changes(store) == []
    assert hashed == []
    os.utime(notes / "a.txt", (MOMENT, MOMENT))
    for _ in range(2):
        assert find_changes(open_store(store.path)) == []
    assert hashed == ["a.txt"]  # once: the time is remembered then


def append(notes: Path) -> None:
    with (notes / "a.txt").open("a") as stream:
        stream.write("one more row\n")


def replace(notes: Path) -> None:
    write(notes / "a.txt", [line.replace("line", "LINE") for line in SOURCES])
    os.utime(notes / "a.txt", (MOMENT, MOMENT))


SIZE = len("".join(f"{line}\n" for line in SOURCES))
CLASH = "`{notes}` holds `train.txt`, whose name says `train`, and `a.txt`, whose name says no split"
CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (append, f"`a.txt` has {SIZE + 13} bytes, had {SIZE}"),
    (replace, "`a.txt` has other contents of the same size"),
    (lambda notes: (notes / "more/b.txt").unlink(), "`more/b.txt` is gone"),
    (lambda notes: write(notes / "more/c.txt", ["new"]), "`more/c.txt` is new"),
    (
        lambda notes: write(notes / "train.txt", ["new"]),
        f"it cannot be read as it was: {CLASH}",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("change", "said"), CHANGES)
@pytest.mark.parametrize("pattern", ["", "**/*.txt"])
def test_what_changed_is_said(
    change: Callable[[Path], object], said: str, pattern: str, root: Path, tmp_path: Path
) -> None:
    notes = folder_of_text(tmp_path / "my notes")
    store = prepare_store("text", BYTES, root, notes / pattern)
    change(notes)
    with pytest.raises(SynthError) as error:
        prepare_store("text", BYTES, root, notes / pattern)
    command = ["synth", "prepare-corpus", "text", "--source", str(notes / pattern), "--tokenizer", "bytes"]
    assert error.value.message == (
        f"the source of `{store.path}` has changed since: {said.format(notes=notes)}"
    )
    assert error.value.hint == (
        f"make it anew, `{shlex.join([*command, '--force'])}`, or put the files back as they were"
    )
    assert describe_source(store) == error.value.message


def test_a_store_made_anew_has_the_rows_of_today(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    prepare_store("text", BYTES, root, notes)
    append(notes)
    store = prepare_store("text", BYTES, root, notes, force=True)
    assert sum(store.rows(split) for split in store.splits) == len(SOURCES) + len(TARGETS) + 1
    refuse_changed(store)


def test_of_many_changes_a_few_are_named(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    store = prepare_store("text", BYTES, root, notes)
    for number in range(9):
        write(notes / f"new-{number}.txt", ["new"])
    told = "`new-0.txt` is new, `new-1.txt` is new, `new-2.txt` is new and 6 more"
    assert describe_source(store) == f"the source of `{store.path}` has changed since: {told}"


def test_a_store_is_whole_without_its_source(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    store = prepare_store("text", BYTES, root, notes)
    notes.rename(tmp_path / "moved")
    assert prepare_store("text", BYTES, root, notes).hash == store.hash
    assert describe_source(store) == (
        f"the files that `{store.path}` was read from are no longer there; it is whole without them"
    )
    assert describe_source(prepare_store("copy", BYTES, root)) is None


def test_publishers_files_are_compared_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = multi30k(tmp_path / "data/multi30k")
    monkeypatch.setenv("SYNTH_DATA", str(tmp_path / "data"))
    for given in (source, None):
        store = prepare_store("multi30k", BYTES, root, given)
        assert find_given_source(store.manifest, store.path) == given
    write(source / "train.en", SOURCES[:19])
    for given in (source, None):
        with pytest.raises(SynthError, match=r"has changed since: `train.en` has \d+ bytes, had \d+"):
            prepare_store("multi30k", BYTES, root, given)


def test_the_command_that_makes_a_store_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / 'a "b" $c.txt', SOURCES * 20)
    store = prepare_store("text:rows=lines", PIECES, root, source)
    words = ["synth", "prepare-corpus", "text:rows=lines", "--source", str(source)]
    words += ["--tokenizer", "sentencepiece-unigram", "--vocab-size", "320"]
    command = prepare_command(store.manifest, store.path)
    assert command is not None and shlex.split(command) == [*words, "--force"]
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "others"))
    command = prepare_command(store.manifest, store.path)
    assert command is not None and shlex.split(command) == [*words, "--stores", str(root), "--force"]
    files = PIECES.model_copy(update={"files": str(store.path)})
    again = prepare_store("text:rows=lines", files, root, source)
    command = prepare_command(again.manifest, again.path)
    assert command is not None and str(store.path) in shlex.split(command)


def test_older_stores_are_not_hashed_where_their_files_are_older(
    root: Path, tmp_path: Path, hashed: list[str]
) -> None:
    notes = folder_of_text(tmp_path / "notes")
    for name in ("a.txt", "more/b.txt"):
        os.utime(notes / name, (MOMENT, MOMENT))
    store = older(prepare_store("text", BYTES, root, notes))
    assert find_changes(store) == [] and hashed == []
    later = MOMENT + 10**9
    os.utime(notes / "a.txt", (later, later))
    assert find_changes(store) == find_changes(store) == [] and hashed == ["a.txt"]


def test_a_damaged_store_is_not_the_one_that_is_looked_for(root: Path, tmp_path: Path) -> None:
    notes = folder_of_text(tmp_path / "notes")
    stores = [prepare_store("text", BYTES, root, notes / name) for name in ("a.txt", "more/b.txt")]
    (stores[0].path / MANIFEST).write_text("{")
    assert find_store_by_hash(root, "text", stores[1].hash) == stores[1].path
    assert find_store_by_hash(root, "text", stores[0].hash) is None
