"""Scores and choices: from a folder to a store, from the store to a batch."""

import numpy as np
import pyarrow
import pytest
import torch
from torch import Tensor

from synthcli.data.examples.collate import Batch
from synthcli.data.examples.examples import Examples, ExamplesReport
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.ragged import NestedRagged
from synthcli.data.store.store import Store, open_store
from synthcli.errors import SynthError
from synthcli.presets.compatibility import misfits
from tests.data.small import BYTES, write

SCORES = ["0.000", "5.000", "3.800"]
RECORD = (
    '{{"passage": {{"text": "{text}", "entities": [{spans}]}},'
    ' "qas": [{{"query": "@placeholder", "answers": [{{"text": "{answer}"}}]}}]}}'
)


def record(names: str, answer: str) -> str:
    """Return a record of ReCoRD whose passage is names of one letter, each a choice."""
    spans = ", ".join(f'{{"start": {i}, "end": {i}}}' for i in range(len(names)))
    return RECORD.format(text=names, spans=spans, answer=answer)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("scored")
    lines = [f"{'ab' * number}\tb\t{score}" for number, score in enumerate(SCORES, start=1)]
    for name in ("train.tsv", "dev.tsv"):
        write(folder / "data" / name, ["sentence1\tsentence2\tscore", *lines])
    return prepare_store("glue-stsb", BYTES, folder / "stores", folder / "data")


@pytest.fixture(scope="module")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("choices")
    for name in ("train.jsonl", "val.jsonl"):
        write(folder / "data" / name, [record("xyz", "y"), record("x", "x"), record("xy", "y")])
    return prepare_store("superglue-record", BYTES, folder / "stores", folder / "data")


def tensor(batch: Batch, key: str) -> Tensor:
    value = batch[key]
    assert isinstance(value, Tensor)
    return value


def shown(ids: Tensor) -> str:
    """Return ids as text: `^` for bos, `.` for padding."""
    return "".join({0: ".", 1: "^"}.get(i) or chr(i - 4) for i in ids.tolist())


def test_scores(scored: Store) -> None:
    examples = Examples(scored, "train", "classification", max_source=18)
    batch = examples.collate(np.array([2, 0]))
    assert [shown(row) for row in tensor(batch, "tokens")] == ["^sentence1: ababab", "^sentence1: ab sen"]
    labels = tensor(batch, "labels")
    assert labels.dtype == torch.float32
    assert torch.equal(labels, torch.tensor([3.8, 0.0]))
    assert batch["padding"] is None
    assert examples.report == ExamplesReport(rows=3, examples=3, tokens=54, truncated_sources=3)


def test_choices_side_by_side(choices: Store) -> None:
    examples = Examples(choices, "train", "classification", max_source=64)
    batch = examples.collate(np.array([0, 1]))
    assert [[shown(text) for text in row] for row in tensor(batch, "tokens")] == [
        [f"^query: {name} passage: xyz" for name in "xyz"],
        ["^query: x passage: x..", "^" + "." * 21, "^" + "." * 21],
    ]
    assert tensor(batch, "labels").tolist() == [1, 0]
    assert tensor(batch, "absent").tolist() == [[False] * 3, [False, True, True]]
    padding = tensor(batch, "padding")
    assert padding.shape == tensor(batch, "tokens").shape
    assert not padding[..., 0].any()  # no text is without a key to attend to
    assert examples.lengths.tolist() == [3 * 22, 20, 2 * 21]


def test_equal_choices_need_no_special_tokens(choices: Store) -> None:
    examples = Examples(choices, "validation", "classification", max_source=10)
    batch = examples.collate(np.array([2]))
    assert [shown(text) for text in tensor(batch, "tokens")[0]] == ["^query: x ", "^query: y "]
    assert batch["absent"] is None
    assert batch["padding"] is None
    assert examples.report == ExamplesReport(rows=3, examples=3, tokens=60, truncated_sources=3)


def test_the_counts_are_those_of_all_choices(choices: Store, scored: Store) -> None:
    assert choices.counts("train") == {
        "rows": 3,
        "empty": 0,
        "words": 6 * 5,
        "bytes": 3 * 22 + 20 + 2 * 21,
        "tokens": 3 * 21 + 19 + 2 * 20,
        "longest_choices": 21,
    }
    assert scored.counts("train")["longest_tokens"] == len("sentence1: ababab sentence2: b")
    assert open_store(choices.path).split("train")["choices"][1] == [choices.split("train")["choices"][1][0]]


def test_other_tasks_refuse_them(choices: Store) -> None:
    with pytest.raises(SynthError) as error:
        Examples(choices, "train", "causal-lm", max_target=8)
    assert error.value.message == "`superglue-record` holds choices, and `causal-lm` needs text or pairs"


READS = '`model.head.output = "{}"` reads {}, allowed: '


@pytest.mark.parametrize(
    ("task", "output", "corpus", "message"),
    [
        ("classification", "regression", "glue-stsb", ""),
        ("classification", "choice", "superglue-copa", ""),
        ("classification", "classes", "ag-news", ""),
        ("masked-lm", "classes", "pile-wordpiece", ""),
        (
            "classification",
            "classes",
            "enwik8",
            "`classification` reads labelled or scored or choices, allowed: ",
        ),
        ("classification", "classes", "glue-stsb", READS.format("classes", "labelled")),
        ("classification", "choice", "glue-rte", READS.format("choice", "choices")),
        ("masked-lm", "classes", "imdb", "`masked-lm` reads text, allowed: "),
    ],
)
def test_presets_whose_corpus_does_not_fit(task: str, output: str, corpus: str, message: str) -> None:
    found = misfits({"model": {"task": task, "head": {"output": output}}, "data": {"corpus": corpus}}, "")
    assert len(found) == bool(message)
    assert all(message in one for one in found)


def test_a_head_that_is_not_configured_gives_classes() -> None:
    assert misfits({"model": {"task": "classification"}, "data": {"corpus": "imdb"}}, "") == []
    assert len(misfits({"model": {"task": "classification"}, "data": {"corpus": "glue-stsb"}}, "")) == 1


def test_denoising_makes_pairs_of_text() -> None:
    table = {"model": {"task": "seq2seq"}, "data": {"corpus": "c4"}}
    assert len(misfits(table, "")) == 1
    table["data"]["denoising"] = ""
    assert misfits(table, "") == []
    table["data"]["corpus"] = "multi30k"
    assert "`seq2seq` reads text" in misfits(table, "")[0]


def test_nested_rows_of_several_chunks() -> None:
    kind = pyarrow.list_(pyarrow.list_(pyarrow.int32()))
    parts = ([[[1], []], [[2, 3]]], [[[4]], [[5, 6, 7], [8], []]])
    column = pyarrow.chunked_array([pyarrow.array(part, kind) for part in parts])
    rows = NestedRagged(column)
    assert [[ids.tolist() for ids in rows[row]] for row in range(4)] == [
        row for part in parts for row in part
    ]
    assert (len(rows), rows.counts.tolist(), rows.longest.tolist()) == (4, [2, 1, 1, 3], [1, 2, 1, 3])
