"""The report on a store: counted by hand on small ones, and against the plain way on random ones."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthcli.data import quality
from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.quality import draw_picture, duplicates, list_warnings, quality_report
from synthcli.data.quality.lengths import EXACT, Lengths
from synthcli.data.quality.quality_warnings import describe_share
from synthcli.data.quality.rows import IdColumn, id_column, row_hashes
from synthcli.data.store import hashing
from synthcli.data.store.hashing import AT_ONCE
from synthcli.data.store.shards import TOKENS
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import BYTES, ag_news, multi30k, wikitext, write

WORDS = TokenizerConfig(kind="words", vocab_size=7)


def columns(rows: list[list[list[int]]]) -> IdColumn:
    """Return rows of texts of ids as they lie in a batch."""
    texts = [text for row in rows for text in row]
    values = np.array([number for text in texts for number in text], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, texts)])
    return IdColumn(values, offsets, np.cumsum([0, *map(len, rows)]))


def reported(store: Store) -> dict[str, Any]:
    found = quality_report(store.path, store.manifest)
    assert json.loads(json.dumps(found)) == found
    return found


@pytest.fixture
def leaky(tmp_path: Path) -> Store:
    """Three pairs twice in train, one of them in test too, and a blank pair."""
    folder = tmp_path / "data"
    lines = {
        "train": ["a b", "c d", "a b", "", "a b", "e"],
        "val": ["x"],
        "test_2016_flickr": ["c d", "y", "c d"],
    }
    for stem, texts in lines.items():
        write(folder / f"{stem}.en", texts)
        write(folder / f"{stem}.de", texts)
    return prepare_store("multi30k", BYTES, tmp_path / "stores", folder)


def test_duplicates_and_leaks_are_counted(leaky: Store) -> None:
    found = reported(leaky)
    train = found["splits"]["train"]
    assert (train["rows"], train["empty"], train["compared"]) == (6, 1, 5)
    assert (train["duplicates"], train["most_repeated"]) == (2, 3)
    assert found["splits"]["test"]["duplicates"] == 1
    assert found["overlaps"] == [
        {"of": "validation", "in": "train", "rows": 0, "compared": 1},
        {"of": "test", "in": "train", "rows": 2, "compared": 3},
        {"of": "test", "in": "validation", "rows": 0, "compared": 3},
    ]
    assert list_warnings(found) == [
        "2 of 3 (67 %) rows of `test` stand in `train` too",
        "2 of 5 (40 %) rows of `train` repeat an earlier one",
        "1 of 6 (17 %) rows of `train` have no ids",
        "1 of 3 (33 %) rows of `test` repeat an earlier one",
    ]


def test_pairs_are_compared_on_both_sides(tmp_path: Path) -> None:
    found = reported(prepare_store("multi30k", BYTES, tmp_path / "stores", multi30k(tmp_path / "data")))
    assert found["splits"]["train"]["duplicates"] == 0
    assert set(found["splits"]["train"]["lengths"]) == {"source", "target"}
    assert found["overlaps"][0]["rows"] == 4  # this small corpus repeats its first rows in every split


def test_all_is_100_per_cent() -> None:
    assert [describe_share(part, 1000) for part in (4, 995, 1000)] == [
        "4 of 1,000 (0.4 %)",
        "995 of 1,000 (100 %)",
        "1,000 of 1,000 (100 %)",
    ]


def test_unknown_ids_are_counted(tmp_path: Path) -> None:
    source = wikitext(tmp_path / "data", ["a a a b b c d e f"])
    found = reported(prepare_store("wikitext-2", WORDS, tmp_path / "stores", source))
    train = found["splits"]["train"]
    assert (train["tokens"], train["unknown"], train["ids_used"]) == (9, 3, 4)
    assert "3 of 9 (33 %) ids of `train` are unknown" in list_warnings(found)


def test_a_label_makes_no_other_row(tmp_path: Path) -> None:
    folder = ag_news(tmp_path / "data")
    write(folder / "train.csv", ['"1","Title","text"', '"2","Title","text"', '"3","Other","text"'])
    found = reported(prepare_store("ag-news", BYTES, tmp_path / "stores", folder))
    assert found["splits"]["train"]["duplicates"] == 1


def test_choices_are_read_whole() -> None:
    rows = [[[1, 2], [3]], [[4]], [[], []], [[1], [2, 3]]]
    nested = pyarrow.array([[[0]], *rows], pyarrow.list_(TOKENS))[1:]  # a slice, whose offsets begin beyond 0
    column = id_column(nested)
    assert column.values.tolist() == [1, 2, 3, 4, 1, 2, 3]
    assert column.lengths.tolist() == [2, 1, 1, 0, 0, 1, 2]
    hashes, is_empty = row_hashes([column])
    assert is_empty.tolist() == [False, False, True, False]
    assert len(set(hashes.tolist())) == 4


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 2), max_size=3), min_size=1, max_size=3), min_size=1, max_size=40
    )
)
def test_equal_rows_and_only_they_have_equal_hashes(rows: list[list[list[int]]]) -> None:
    hashes, is_empty = row_hashes([columns(rows)])
    by_hash = Counter(zip(hashes.tolist(), map(str, rows), strict=True))
    assert len({number for number, _ in by_hash}) == len({row for _, row in by_hash}) == len(by_hash)
    assert is_empty.tolist() == [not any(row) for row in rows]


def test_long_rows_and_small_steps_give_the_same_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    rows = [[draw.integers(0, 9, size).tolist()] for size in (3, 0, 2 * AT_ONCE + 5, 1, AT_ONCE, 0)]
    whole, _ = row_hashes([columns(rows)])
    monkeypatch.setattr(hashing, "AT_ONCE", 1_000)
    pieces, _ = row_hashes([columns(rows)])
    assert whole.tolist() == pieces.tolist()
    alone = [row_hashes([columns([row])])[0][0] for row in rows]
    assert whole.tolist() == alone


def test_of_many_rows_a_share_is_compared(leaky: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "COMPARED_AT_MOST", 5)
    found = reported(leaky)
    assert found["compared_one_row_in"] == 2
    compared = sum(counts["compared"] for counts in found["splits"].values())
    assert 0 < compared < 9


def test_lengths_are_counted() -> None:
    lengths = Lengths()
    lengths.add(np.array([0, 1, 1, 5]))
    lengths.add(np.array([EXACT + 10, 2]))
    found = lengths.describe()
    assert (found["texts"], found["least"], found["longest"]) == (6, 0, EXACT + 10)
    assert (found["median"], found["p90"], found["p99"]) == (1, EXACT, EXACT)
    histogram = found["histogram"]
    assert len(histogram["edges"]) == len(histogram["texts"]) + 1
    assert histogram["edges"][:6] == [0, 1, 2, 3, 4, 5]
    assert histogram["texts"][:6] == [1, 2, 1, 0, 0, 1]
    assert sum(histogram["texts"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_picture_is_drawn(suffix: str, leaky: Store, tmp_path: Path) -> None:
    path = tmp_path / f"quality{suffix}"
    draw_picture(reported(leaky), path)
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])


def test_a_picture_of_no_known_format_is_refused(leaky: Store, tmp_path: Path) -> None:
    with pytest.raises(SynthError, match="is of no format"):
        draw_picture(reported(leaky), tmp_path / "quality.txt")
    assert not (tmp_path / "quality.txt").exists()


def test_a_picture_of_a_column_without_ids(leaky: Store, tmp_path: Path) -> None:
    found = reported(leaky)
    empty = Lengths()
    empty.add(np.array([0, 0]))
    for counts in found["splits"].values():
        counts["lengths"]["target"] = empty.describe()
    draw_picture(found, tmp_path / "quality.png")
    assert (tmp_path / "quality.png").stat().st_size > 10_000


@pytest.mark.parametrize("at_once", [1, 2, 5, 1000])
def test_repeats_are_counted_a_block_at_a_time(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "AT_ONCE", at_once)
    draw = np.random.default_rng(0)
    for rows in (0, 1, 2, 7, 60):
        drawn = draw.integers(0, max(rows // 4, 1), rows).astype(np.uint64)
        hashes, counted = duplicates.count_repeats([drawn[: rows // 3], drawn[rows // 3 :]])
        times = Counter(drawn.tolist())
        assert hashes.tolist() == sorted(drawn.tolist())
        assert counted == {
            "compared": rows,
            "duplicates": rows - len(times),
            "most_repeated": max(times.values(), default=0),
        }
