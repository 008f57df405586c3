"""The publishers' own files, where slices of them are at hand: rows and words as published."""

import json
from pathlib import Path

import pytest

from synthcli.data.prepare.prepare_store import prepare_store
from tests.data.small import BYTES

FOLDERS = {
    "wmt14-en-de": "wmt14_en_de",
    "lm1b": "lm1b",
    "cnn-dailymail": "cnn_dailymail",
    "ag-news": "ag_news_csv",
    "wikitext-2": "wikitext-2",
    "wikitext-2-raw": "wikitext-2-raw",
    "multi30k": "multi30k",
}
CUT = {"lm1b", "wikitext-2-raw"}
WORDS = {
    "wikitext-2": {"train": 2_088_628, "validation": 217_646, "test": 245_569},
    "lm1b": 159_658,
}


def published(shared: Path, corpus: str) -> dict[str, int]:
    """Return the rows of every split, as the manifest of the data counts them."""
    manifest = json.loads((shared / "data/MANIFEST.json").read_text())
    names = (corpus, corpus.replace("-", "_"), f"{corpus.replace('-', '_')}_csv")
    entry = next(entry for entry in manifest["datasets"] if entry["name"] in names)
    return {name: split["rows"] for name, split in entry["splits"].items()}


@pytest.mark.slow
@pytest.mark.parametrize("corpus", [name for name in FOLDERS if name != "cnn-dailymail"])
def test_rows_are_the_published(corpus: str, shared: Path, tmp_path: Path) -> None:
    store = prepare_store(corpus, BYTES, tmp_path, shared / "data" / FOLDERS[corpus])
    rows = [store.rows(split) for split in store.splits]
    counts = list(published(shared, corpus).values())
    assert rows == counts or (corpus in CUT and sum(rows) == counts[0])


@pytest.mark.parametrize(
    ("source", "split"),
    [
        ("", "csv"),
        ("cnn", "stories"),
        ("realsumm_test100.source.gz", "realsumm (test)"),
        ("presumm_sample.train.0.json", "presumm json (train)"),
    ],
)
def test_summaries_in_four_formats(source: str, split: str, shared: Path, tmp_path: Path) -> None:
    store = prepare_store("cnn-dailymail", BYTES, tmp_path, shared / "data/cnn_dailymail" / source)
    assert sum(store.rows(name) for name in store.splits) == published(shared, "cnn-dailymail")[split]
    assert store.manifest["source"]["splits_made"] is not None


@pytest.mark.slow
@pytest.mark.parametrize("corpus", WORDS)
def test_words_are_the_published(corpus: str, shared: Path, tmp_path: Path) -> None:
    store = prepare_store(corpus, BYTES, tmp_path, shared / "data" / FOLDERS[corpus])
    words = {split: store.counts(split)["words"] for split in store.splits}
    assert WORDS[corpus] in (words, sum(words.values()))


def test_moses_escapes_are_gone(shared: Path, tmp_path: Path) -> None:
    store = prepare_store("wmt14-en-de", BYTES, tmp_path, shared / "data/wmt14_en_de")
    texts = [text for column in ("source_text", "target_text") for text in store.split("test")[column]]
    assert not [text for text in texts if "&quot;" in text or "&apos;" in text]
    assert store.counts("train")["empty"] == 1
