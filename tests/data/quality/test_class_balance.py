"""What a report says of the classes of splits, counted again from the files."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.quality import list_warnings, quality_report
from synthcli.data.quality.class_balance import class_warnings, deviation
from synthcli.data.quality.quality_warnings import list_warnings as unusual
from tests.data.small import BYTES, ag_news

NAME = "csv:label=label,classes=a+b+c"


def tables(folder: Path, splits: dict[str, dict[str, int]]) -> Path:
    """Write a table for each split with so many rows of each class, no two alike."""
    folder.mkdir()
    for split, counts in splits.items():
        with (folder / f"{split}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            for label, count in counts.items():
                writer.writerows([f"{split} {label} {number}", label] for number in range(count))
    return folder


def counted(path: Path) -> dict[str, int]:
    with path.open(newline="") as stream:
        found = Counter(row["label"] for row in csv.DictReader(stream))
    return {label: found[label] for label in "abc"}


def reported(folder: Path, root: Path, name: str = NAME) -> dict[str, dict[str, int]]:
    store = prepare_store(name, BYTES, root, folder)
    found = quality_report(store.path, store.manifest)
    assert found == store.quality
    return {split: counts["labels"] for split, counts in found["splits"].items()}


def test_rows_of_each_class_are_counted(tmp_path: Path) -> None:
    splits = {"train": {"a": 30, "b": 20, "c": 10}, "dev": {"a": 3, "b": 2}, "test": {"c": 4}}
    folder = tables(tmp_path / "data", splits)
    assert reported(folder, tmp_path / "stores") == {
        "train": counted(folder / "train.csv"),
        "validation": counted(folder / "dev.csv"),
        "test": counted(folder / "test.csv"),
    }


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"a": 50, "b": 25, "c": 25}, []),
        ({"a": 60, "b": 20, "c": 20}, []),
        ({"c": 50}, ["all 50 rows of `test` are `c`"]),
        ({"a": 67, "b": 33}, ["no row of `test` is `c`"]),
        ({"a": 10, "b": 60, "c": 30}, ["`a` is 10 % of `test` and 50 % of `train`"]),
        ({"a": 2, "b": 3, "c": 1}, []),
    ],
)
def test_what_is_unusual_about_classes(test: dict[str, int], said: list[str], tmp_path: Path) -> None:
    folder = tables(tmp_path / "data", {"train": {"a": 500, "b": 250, "c": 250}, "test": test})
    store = prepare_store(NAME, BYTES, tmp_path / "stores", folder)
    assert store.quality is not None
    assert list_warnings(store.quality) == said


def test_sorted_rows_cut_in_their_order_are_warned_of(tmp_path: Path) -> None:
    folder = tables(tmp_path / "data", {"all": {"a": 100, "b": 100, "c": 100}})
    kept = prepare_store(f"{NAME},split=kept", BYTES, tmp_path / "stores", folder)
    assert kept.quality is not None
    said = list_warnings(kept.quality)
    assert said[:2] == ["all 15 rows of `validation` are `c`", "all 15 rows of `test` are `c`"]
    shuffled = reported(folder, tmp_path / "stores")
    assert {split: list(labels.values()) for split, labels in shuffled.items()} == {
        "train": [90, 90, 90],
        "validation": [5, 5, 5],
        "test": [5, 5, 5],
    }


def test_of_many_lacking_classes_a_few_are_named() -> None:
    names = [f"class-{number}" for number in range(9)]
    labels = {"train": dict.fromkeys(names, 1), "test": dict.fromkeys(names, 0) | dict.fromkeys(names[:2], 1)}
    assert class_warnings({split: {"labels": counts} for split, counts in labels.items()}) == [
        "no row of `test` is `class-2`, `class-3`, `class-4`, `class-5`, `class-6` and 2 more classes"
    ]


def test_shares_differ_by_chance_as_in_the_textbook() -> None:
    # p (1 - p) (1/m + 1/n) with p = 30/150, m = 100, n = 50
    assert deviation(30, 100, 50) == pytest.approx((0.2 * 0.8 * (0.01 + 0.02)) ** 0.5, rel=1e-12)


def test_publishers_classes_have_their_names(tmp_path: Path) -> None:
    store = prepare_store("ag-news", BYTES, tmp_path / "stores", ag_news(tmp_path / "data"))
    assert store.quality is not None
    assert sum(store.quality["splits"]["train"]["labels"].values()) == 6
    assert list(store.quality["splits"]["train"]["labels"]) == list(store.class_names)


def test_reports_of_older_stores_have_no_classes(tmp_path: Path) -> None:
    store = prepare_store("ag-news", BYTES, tmp_path / "stores", ag_news(tmp_path / "data"))
    assert store.quality is not None
    older = store.quality | {
        "splits": {
            split: {key: value for key, value in counts.items() if key != "labels"}
            for split, counts in store.quality["splits"].items()
        }
    }
    assert not [line for line in unusual(older) if "class" in line or "` is " in line]
