"""The classes of a user's own labels: found, listed in a file; and the names of the stores they are in."""

from pathlib import Path

import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.source_changes import find_changes
from synthcli.data.store.store import find_store, find_store_by_hash, last_source, store_path
from synthcli.errors import SynthError
from tests.data.small import BYTES, write


def rows_of(labels: list[str]) -> list[str]:
    return ["text,label", *(f"text {number},{label}" for number, label in enumerate(labels))]


def test_classes_that_are_found_are_counted_and_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows_of(["10", "9", " 9 ", "-1"] * 10 + ["other"]))
    store = prepare_store("csv:label=label", BYTES, tmp_path / "stores", path)
    assert store.class_names == ("-1", "9", "10", "other")
    assert (
        store.manifest["source"]["notes"][-1]
        == "found 4 classes: `-1` (10), `9` (20), `10` (10), `other` (1)"
    )
    many = write(tmp_path / "b.csv", rows_of([f"c{number % 25:02}" for number in range(50)]))
    notes = prepare_store("csv:label=label", BYTES, tmp_path / "stores", many).manifest["source"]["notes"]
    assert notes[-1].endswith("`c19` (2) and 5 more, which `manifest.json` lists")


@pytest.mark.parametrize(
    ("labels", "message", "hint"),
    [
        (
            ["a", "", "b"],
            "`{}`, line 3, has no label",
            "give it one, or take the row out",
        ),
        (
            [f"0.{number:02}" for number in range(21)],
            "the label `label` of `csv:label=label` has another value in each of 21 rows",
            "name the column of a class; `csv:score=label` learns a number",
        ),
    ],
)
def test_labels_that_are_none(labels: list[str], message: str, hint: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows_of(labels))
    with pytest.raises(SynthError) as error:
        prepare_store("csv:label=label", BYTES, tmp_path / "stores", path)
    assert (error.value.message, error.value.hint) == (message.format(path), hint)


@pytest.mark.parametrize(
    ("listed", "message", "hint"),
    [
        (None, "the file of classes `{}` does not exist", "name a file with one class a line"),
        ("", "`{}` names no class", "write one a line"),
        ("a\nb\n\na\n", "`{}` has the class `a` at lines 1 and 4", "leave one of them out"),
        (
            "a\nc\n",
            "`{source}`, line 3, has the label `b`",
            "expected one of `a`, `c`; `csv:label=label` takes every class that is found",
        ),
    ],
)
def test_files_of_classes_that_are_wrong(listed: str | None, message: str, hint: str, tmp_path: Path) -> None:
    kinds = tmp_path / "my, kinds.txt"
    if listed is not None:
        kinds.write_text(listed)
    source = write(tmp_path / "a.csv", rows_of(["a", "b"] * 10))
    with pytest.raises(SynthError) as error:
        prepare_store(f'csv:label=label,classes="@{kinds}"', BYTES, tmp_path / "stores", source)
    assert (error.value.message, error.value.hint) == (message.format(kinds, source=source), hint)


def test_a_file_of_classes_that_changed_is_said(tmp_path: Path) -> None:
    kinds = write(tmp_path / "kinds.txt", ["b", "a"])
    source = write(tmp_path / "a.csv", rows_of(["a", "b"] * 10))
    name = f"csv:label=label,classes=@{kinds}"
    store = prepare_store(name, BYTES, tmp_path / "stores", source)
    assert store.class_names == ("b", "a") and find_changes(store) == []
    write(kinds, ["a", "b"])
    assert find_changes(store) == [f"`{kinds}` lists other classes"]
    kinds.unlink()
    assert find_changes(store) == []


def test_stores_of_before_are_found_under_their_whole_names(tmp_path: Path) -> None:
    source, root, name = (
        write(tmp_path / "a.csv", rows_of(["a", "b"] * 10)),
        tmp_path / "stores",
        "csv:label=label",
    )
    made = prepare_store(name, BYTES, root, source)
    former = root / f"{name}.bytes-260.{made.path.name.rpartition('.')[2]}"
    made.path.rename(former)
    assert store_path(root, name, BYTES, source) == former
    assert find_store(root, name, BYTES) == find_store(root, name, BYTES, source) == former
    assert find_store_by_hash(root, name, made.hash) == former
    assert last_source(root, name) == source
    again = prepare_store(name, BYTES, root, source)
    assert (again.path, find_changes(again)) == (former, [])
    assert [path.name for path in root.iterdir() if path.name[0] != "."] == [former.name]


def test_corpora_with_names_of_their_own_keep_them() -> None:
    root = Path("stores")
    assert all(store_path(root, name, BYTES, None).name == f"{name}.bytes-260" for name in CORPORA)
