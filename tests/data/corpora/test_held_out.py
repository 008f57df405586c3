"""Files without splits are cut by what their rows hold: classes alike, equal rows and neighbours together."""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.corpora import Row, find_corpus
from synthcli.data.prepare import local
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.shard import ShardDraft, make_shard
from synthcli.data.prepare.store_build import StoreBuild
from synthcli.errors import SynthError
from tests.data.small import BYTES, PIECES, contents, write

LABELLED = "csv:text=text,label=label,classes=neg+pos+rare"


def table(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Write texts and labels as the csv module does."""
    content = io.StringIO()
    csv.writer(content).writerows([("text", "label"), *rows])
    path.write_text(content.getvalue(), newline="")
    return path


def read(name: str, source: Path) -> dict[str, list[Row]]:
    opened = find_corpus(name).open(source)
    return {split: list(opened.read(split)) for split in opened.splits}


def texts(splits: dict[str, list[Row]]) -> dict[str, list[str]]:
    return {split: [row["text"] for row in rows] for split, rows in splits.items()}


def counts(splits: dict[str, list[Row]]) -> dict[str, int]:
    return {split: len(rows) for split, rows in splits.items()}


SORTED = [(f"no {number}", "neg") for number in range(500)] + [
    (f"yes {number}", "pos") for number in range(300)
]


def test_rows_sorted_by_label_have_every_class_in_every_split(tmp_path: Path) -> None:
    source = table(tmp_path / "sorted.csv", [*SORTED, *((f"odd {number}", "rare") for number in range(3))])
    splits = read(LABELLED, source)
    assert {split: Counter(row["label"] for row in rows) for split, rows in splits.items()} == {
        "train": {0: 450, 1: 270, 2: 1},
        "validation": {0: 25, 1: 15, 2: 1},
        "test": {0: 25, 1: 15, 2: 1},
    }
    with source.open(newline="") as stream:
        whole = [(row["text"], row["label"]) for row in csv.DictReader(stream)]
    names = ("neg", "pos", "rare")
    cut = [(row["text"], names[row["label"]]) for rows in splits.values() for row in rows]
    assert Counter(cut) == Counter(whole)
    order = {text: number for number, (text, _) in enumerate(whole)}
    for rows in texts(splits).values():
        assert [order[text] for text in rows] == sorted(order[text] for text in rows)


def test_the_same_rows_in_another_order_are_cut_alike(tmp_path: Path) -> None:
    shuffled = random.Random(3).sample(SORTED, len(SORTED))
    first = texts(read(LABELLED, table(tmp_path / "a.csv", SORTED)))
    second = texts(read(LABELLED, table(tmp_path / "b.csv", shuffled)))
    assert {split: set(rows) for split, rows in first.items()} == {
        split: set(rows) for split, rows in second.items()
    }
    others = texts(read(f"{LABELLED},split_seed=1", tmp_path / "a.csv"))
    assert set(others["test"]) != set(first["test"])
    assert texts(read(f"{LABELLED},split_seed=0", tmp_path / "a.csv")) == first


def test_held_out_rows_are_drawn_from_everywhere(tmp_path: Path) -> None:
    lines = [f"{number}" for number in range(4_000)]
    splits = texts(read("text", write(tmp_path / "lines.txt", lines)))
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 3_600,
        "validation": 200,
        "test": 200,
    }
    for split in ("validation", "test"):
        quarters = Counter(int(text) // 1_000 for text in splits[split])
        assert set(quarters) == {0, 1, 2, 3}
        # hypergeometric: 200 of 4,000, 50 of each quarter expected, standard deviation 5.97
        assert all(abs(count - 50) < 5 * 5.97 for count in quarters.values())


@pytest.mark.parametrize("name", ["csv", "csv:label=label,classes=neg+pos", "jsonl"])
def test_equal_rows_stand_in_one_split(name: str, tmp_path: Path) -> None:
    draw = random.Random(0)
    rows = [(f"text {draw.randrange(150)}", draw.choice(["neg", "pos"])) for _ in range(600)]
    if name == "jsonl":
        source = write(tmp_path / "a.jsonl", [json.dumps({"text": text}) for text, _ in rows])
    else:
        source = table(tmp_path / "a.csv", rows)
    splits = texts(read(name, source))
    assert sum(map(len, splits.values())) == 600
    distinct = [set(rows) for rows in splits.values()]
    assert sum(map(len, distinct)) == len(set.union(*distinct)) == len({text for text, _ in rows})
    assert all(15 <= len(splits[split]) <= 30 for split in ("validation", "test"))


def test_a_row_that_stands_very_often_is_no_test(tmp_path: Path) -> None:
    lines = ["the same", *(f"line {number}" for number in range(59))]
    lines += ["the same"] * 40
    splits = texts(read("text", write(tmp_path / "a.txt", lines)))
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 90, "validation": 5, "test": 5}
    assert Counter(splits["train"])["the same"] == 41


def test_pairs_are_cut_by_both_sides(tmp_path: Path) -> None:
    sources = [f"question {number % 50}" for number in range(200)]
    targets = [f"answer {number % 100}" for number in range(200)]
    write(tmp_path / "a.de", sources)
    write(tmp_path / "a.en", targets)
    splits = read("parallel:source=de,target=en", tmp_path)
    pairs = {split: {(row["source"], row["target"]) for row in rows} for split, rows in splits.items()}
    assert counts(splits) == {"train": 180, "validation": 10, "test": 10}
    assert sum(map(len, pairs.values())) == len(set.union(*pairs.values())) == 100


def paragraphs(count: int, lines: int) -> list[str]:
    """Return paragraphs of lines that say where they belong, each followed by one or two blank lines."""
    return [
        line
        for number in range(count)
        for line in [*(f"{number} {place}" for place in range(lines)), *[""] * (1 + number % 2)]
    ]


def test_the_lines_of_a_paragraph_stay_together(tmp_path: Path) -> None:
    source = write(tmp_path / "book.txt", ["", "", *paragraphs(200, 4), ""])
    opened = find_corpus("text").open(source)
    assert opened.describe()["cut"]["unit"] == "paragraphs"
    splits = texts(read("text", source))
    found = {split: Counter(text.split()[0] for text in rows if text) for split, rows in splits.items()}
    assert set(found["train"]).isdisjoint({*found["validation"], *found["test"]})
    assert set(found["validation"]).isdisjoint(found["test"])
    assert all(set(lines.values()) == {4} for lines in found.values())
    assert sum(map(len, found.values())) == 200
    rows = sum(map(len, splits.values()))
    assert rows == 1_103
    assert all(0.9 * 55 <= len(splits[split]) <= 55 for split in ("validation", "test"))


def test_the_lines_of_a_file_stay_together_where_there_are_many(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path / f"part/{number}.py", [f"# {number}", "", f"x = {number}"])
    opened = find_corpus("text").open(tmp_path / "**/*.py")
    assert opened.describe()["cut"]["unit"] == "files"
    splits = texts({split: list(opened.read(split)) for split in opened.splits})
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 162,
        "validation": 9,
        "test": 9,
    }
    files = [{text.split()[-1] for text in rows if text} for rows in splits.values()]
    assert sum(map(len, files)) == len(set.union(*files)) == 60


def test_coarse_units_that_would_miss_the_shares_are_not_used(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", [*(f"a {n}" for n in range(50)), "", *(f"b {n}" for n in range(50))])
    opened = find_corpus("text").open(source)
    assert opened.describe()["cut"]["unit"] == "lines"
    splits = {split: list(opened.read(split)) for split in opened.splits}
    assert (len(splits["validation"]), len(splits["test"])) == (5, 5)


def test_blank_rows_are_not_held_out(tmp_path: Path) -> None:
    rows = [("", "neg") for _ in range(5)] + [(f"text {number}", "neg") for number in range(15)]
    splits = texts(read("csv", table(tmp_path / "a.csv", rows)))
    assert all(text for split in ("validation", "test") for text in splits[split])
    assert sum(map(len, splits.values())) == 20


def test_classes_too_small_to_stand_in_every_split_are_named(tmp_path: Path) -> None:
    rows = [
        *SORTED[:40],
        ("yes 1", "pos"),
        ("yes 2", "pos"),
        ("odd", "rare"),
        ("odd", "rare"),
        ("odd", "rare"),
    ]
    store = prepare_store(LABELLED, BYTES, tmp_path / "stores", table(tmp_path / "a.csv", rows))
    assert store.manifest["source"]["notes"][1:] == [
        "no row of `pos` in validation, test: too few of it differ",
        "no row of `rare` in validation, test: too few of it differ",
    ]
    assert store.manifest["source"]["cut"]["lacking"] == {
        "pos": ["validation", "test"],
        "rare": ["validation", "test"],
    }


def test_labels_that_stand_once_each_are_cut_all_the_same(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", [("a", "neg"), ("b", "pos"), ("c", "rare")])
    assert counts(read(LABELLED, source)) == {"train": 1, "validation": 1, "test": 1}


def test_rows_that_are_all_equal_cannot_be_cut(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", ["a"] * 50 + ["b"] * 50)
    with pytest.raises(SynthError) as error:
        prepare_store("text", BYTES, tmp_path / "stores", source)
    assert error.value.message == (
        f"`a.txt` in `{tmp_path}` have too few rows that differ to cut three splits"
    )
    assert error.value.hint == "give rows that differ, or cut them as they come: `text:split=kept`"
    assert not (tmp_path / "stores").exists()


def test_names_of_some_files_count_for_nothing_where_a_cut_is_asked_for(tmp_path: Path) -> None:
    for stem in ("model", "train", "test_model"):
        write(tmp_path / f"{stem}.log", [f"{stem} {number}" for number in range(20)])
    source = tmp_path / "*.log"
    with pytest.raises(SynthError) as error:
        read("text", source)
    assert error.value.hint.endswith(": `text:splits=none` cuts all of them")
    for name in ("text:split=shuffled", "text:splits=none"):
        assert counts(read(name, source)) == {"train": 54, "validation": 3, "test": 3}


def test_names_of_programs_say_nothing(tmp_path: Path) -> None:
    for stem in ("train", "test_model", "src/test/java/dev"):
        write(tmp_path / f"{stem}.py", [f"{stem} {number}" for number in range(20)])
    assert counts(read("text", tmp_path / "**/*.py")) == {"train": 54, "validation": 3, "test": 3}


def test_names_say_nothing_where_that_is_asked_for(tmp_path: Path) -> None:
    for stem, rows in {"train": SORTED[:400], "test": SORTED[400:]}.items():
        table(tmp_path / f"{stem}.csv", rows)
    assert counts(read(LABELLED, tmp_path)) == {"train": 400, "test": 400}
    assert counts(read(f"{LABELLED},splits=none", tmp_path)) == {"train": 720, "validation": 40, "test": 40}
    assert counts(read(f"{LABELLED},splits=none,split=whole", tmp_path)) == {"test": 800}


def test_published_splits_are_as_they_are(tmp_path: Path) -> None:
    for stem, rows in {"train": SORTED[:30], "dev": SORTED[:4], "test": SORTED[500:505]}.items():
        table(tmp_path / f"{stem}.csv", rows)
    for options in ("", ",split=shuffled", ",split=kept", ",split=whole"):
        splits = read(LABELLED + options, tmp_path)
        assert counts(splits) == {"train": 30, "validation": 4, "test": 5}
        assert texts(splits)["test"] == [text for text, _ in SORTED[500:505]]


def test_nothing_is_cut_where_that_is_asked_for(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", SORTED)
    table(tmp_path / "dev.csv", SORTED[:7])
    assert counts(read(f"{LABELLED},split=whole", tmp_path / "a.csv")) == {"test": 800}
    assert counts(read(f"{LABELLED},split=whole", tmp_path / "dev.csv")) == {"validation": 7}
    store = prepare_store(f"{LABELLED},split=whole", BYTES, tmp_path / "stores", tmp_path / "a.csv")
    assert store.splits == ("test",)
    assert store.manifest["source"]["splits_made"] is None


def test_the_manifest_says_what_cut_the_rows(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", SORTED)
    made = {}
    for options in (",split_seed=7", ",split=kept"):
        store = prepare_store(LABELLED + options, BYTES, tmp_path / "stores", source)
        made[options] = store.manifest["source"]["cut"], store.manifest["source"]["splits_made"]
    rule = {"unit": "rows", "of": "`a.csv`", "lacking": {}}
    assert made == {
        ",split_seed=7": (
            {"order": "shuffled", "seed": 7, **rule},
            "cut from the 800 rows of `a.csv` by a hash of their rows: 720 train, 40 validation, 40 test",
        ),
        ",split=kept": (
            {"order": "kept", "seed": 0, **rule},
            "cut from the 800 rows of `a.csv` by ranges: 0-720-760-800",
        ),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text:split=sorted", "`text:split=sorted` gives `split` as `sorted`"),
        ("csv:split_seed=-1", "`csv:split_seed=-1` gives `split_seed` as `-1`"),
        (f"csv:split_seed={2**63}", f"`csv:split_seed={2**63}` gives `split_seed` as `{2**63}`"),
        (
            "text:split=kept,split_seed=1",
            "`text:split=kept,split_seed=1` gives `split_seed`, and `split=kept` draws nothing",
        ),
    ],
)
def test_options_that_make_no_sense(name: str, message: str) -> None:
    with pytest.raises(SynthError) as error:
        find_corpus(name)
    assert error.value.message == message
    assert error.value.hint


def test_processes_and_a_second_time_make_the_same_store(tmp_path: Path, small_shards: None) -> None:
    source = table(tmp_path / "a.csv", SORTED)
    stores = [
        prepare_store(LABELLED, BYTES, tmp_path / f"stores-{number}", source, workers=workers)
        for number, workers in enumerate((1, 1, 3))
    ]
    assert contents(stores[0].path) == contents(stores[1].path) == contents(stores[2].path)
    assert stores[0].counts("train")["rows"] == 720


def test_a_killed_preparation_goes_on_with_the_same_splits(
    tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(tmp_path / "a.csv", SORTED)
    whole = contents(prepare_store(LABELLED, BYTES, tmp_path / "whole", source).path)
    finish, kept = StoreBuild.finish, list[int]()

    def finish_some(self: StoreBuild, draft: ShardDraft) -> None:
        if len(self.records) == 9:
            raise KeyboardInterrupt
        finish(self, draft)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StoreBuild, "finish", finish_some)
        prepare_store(LABELLED, BYTES, tmp_path / "killed", source)
    monkeypatch.setattr(local, "make_shard", counting(kept))
    store = prepare_store(LABELLED, BYTES, tmp_path / "killed", source)
    assert contents(store.path) == whole
    assert sum(kept) == sum(name.endswith(".arrow") for name in whole) - 9


def counting(kept: list[int]) -> Callable[..., ShardDraft]:
    def make(*what: Any) -> ShardDraft:
        kept.append(1)
        return make_shard(*what)

    return make


def test_there_is_nothing_to_learn_a_tokenizer_from(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", SORTED)
    with pytest.raises(SynthError) as error:
        prepare_store(f"{LABELLED},split=whole", PIECES, tmp_path / "stores", source)
    assert str(error.value) == (
        "there is no training split to learn a tokenizer from\n"
        "hint: take one that is trained: `--tokenizer-files DIR`, or `--tokenizer bytes`"
    )
