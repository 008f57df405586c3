"""Every slice of a published corpus that is at hand prepares, with the rows its manifest counts."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.manifest import read_store_manifest, verify_files
from tests.data.small import BYTES

# What the manifest calls a dataset -> the corpora that read it, and its splits in their order.
READERS: dict[str, list[tuple[str, str, list[str]]]] = {
    "wikitext-2": [("wikitext-2", "wikitext-2", ["train", "valid", "test"])],
    "wikitext-2-raw": [("wikitext-2-raw", "wikitext-2-raw", ["valid"])],
    "multi30k": [
        ("multi30k", "multi30k", ["train", "val", "test_2016_flickr"]),
        ("parallel:source=en,target=fr", "multi30k", ["train", "val", "test_2016_flickr"]),
    ],
    "wmt14_en_de": [
        (
            "wmt14-en-de",
            "wmt14_en_de",
            ["train", "valid (newstest2012)", "test (newstest2014, filtered)"],
        )
    ],
    "ag_news_csv": [
        ("ag-news", "ag_news_csv", ["train", "test"]),
        ("csv:text=3,label=1,classes=1+2+3+4,header=no", "ag_news_csv/*.csv.gz", ["train", "test"]),
    ],
    "cnn_dailymail": [
        ("cnn-dailymail", "cnn_dailymail", ["csv"]),
        ("cnn-dailymail", "cnn_dailymail/cnn", ["stories"]),
        ("cnn-dailymail", "cnn_dailymail/realsumm_test100.source.gz", ["realsumm (test)"]),
        ("cnn-dailymail", "cnn_dailymail/presumm_sample.train.0.json", ["presumm json (train)"]),
    ],
    "lm1b": [("lm1b", "lm1b", ["heldout-00000"])],
    "enwik8": [("enwik8", "enwik8", ["prefix"])],
    "personachat": [
        ("personachat", "personachat/rcdg", ["train turns", "val turns"]),
    ],
    "glue/SST-2": [("glue-sst2", "glue/SST-2", ["train", "dev"])],
    "glue/CoLA": [("glue-cola", "glue/CoLA", ["train", "dev"])],
    "glue/MRPC": [("glue-mrpc", "glue", ["train", "dev"])],
    "glue/RTE": [("glue-rte", "glue", ["train", "dev"])],
    "glue/STS-B": [("glue-stsb", "glue", ["train", "dev"])],
    "superglue/BoolQ": [("superglue-boolq", "superglue", ["train", "val"])],
    "superglue/COPA": [("superglue-copa", "superglue", ["train (FewGLUE 32)", "val"])],
    "tiny_shakespeare": [("text", "tiny_shakespeare", ["all"])],
}
VOCABULARIES = {"tokenizers/gpt2", "tokenizers/bert-base-uncased"}  # no corpora
CASES = [(name, *reader) for name, readers in READERS.items() for reader in readers]


def manifest(shared: Path) -> dict[str, dict[str, Any]]:
    datasets = json.loads((shared / "data/MANIFEST.json").read_text())["datasets"]
    return {entry["name"]: entry["splits"] for entry in datasets}


def test_every_dataset_has_a_reader(shared: Path) -> None:
    assert set(manifest(shared)) == set(READERS) | VOCABULARIES


@pytest.mark.slow
@pytest.mark.parametrize(("name", "corpus", "folder", "splits"), CASES)
def test_rows_are_those_of_the_manifest(
    name: str, corpus: str, folder: str, splits: list[str], shared: Path, tmp_path: Path
) -> None:
    store = prepare_store(corpus, BYTES, tmp_path, shared / "data" / folder)
    counted = [manifest(shared)[name][split]["rows"] for split in splits]
    rows = [store.rows(split) for split in store.splits]
    if len(splits) == 1:  # cut into three; of enwik8 two rows are cut within a line
        rows = [sum(rows) - (2 if corpus == "enwik8" else 0)]
    assert rows == counted
    verify_files(store.path, read_store_manifest(store.path))


def test_json_of_dialogues_has_a_row_for_every_answer(shared: Path, tmp_path: Path) -> None:
    path = shared / "data/personachat/En_persona_valid.json.gz"
    dialogues = json.loads(gzip.decompress(path.read_bytes()))
    assert len(dialogues) == manifest(shared)["personachat"]["valid (json)"]["rows"]
    store = prepare_store("personachat", BYTES, tmp_path, path)
    answers = sum(len(dialogue["dialogue"]) for dialogue in dialogues)
    assert sum(store.rows(split) for split in store.splits) == answers
