"""GLUE and SuperGLUE: every field in one text, every label as the publisher means it."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.corpora import CORPORA, Row
from synthcli.data.corpora.glue import TASKS as GLUE
from synthcli.data.corpora.superglue import TASKS as SUPERGLUE
from synthcli.errors import SynthError
from tests.data.small import write


def read(name: str, source: Path) -> dict[str, list[Row]]:
    opened = CORPORA[name].open(source)
    return {split: list(opened.read(split)) for split in opened.splits}


def refused(name: str, source: Path) -> SynthError:
    with pytest.raises(SynthError) as error:
        read(name, source)
    assert error.value.hint
    return error.value


def json_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    return write(path, [json.dumps(record) for record in records])


TABLES = {
    "cola": ['gj04\t1\t\tIt is "so.'],
    "sst2": ["sentence\tlabel", "fine \t1"],
    "mrpc": ["\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String", '1\t7\t8\tA "b .\tC .'],
    "stsb": [
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        "0\tcaptions\tf\t2012\t0\tnone\tnone\tA.\tB.\t3.800",
    ],
    "qqp": ["id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "1\t2\t3\tbroken", "4\t5\t6\tA?\tB?\t1"],
    "mnli": ["index\tsentence1\tsentence2\tlabel1\tgold_label", "0\tA.\tB.\tneutral\tcontradiction"],
    "qnli": ["index\tquestion\tsentence\tlabel", "0\tA?\tB.\tnot_entailment"],
    "rte": ["index\tsentence1\tsentence2\tlabel", "0\tA.\tB.\tentailment"],
    "wnli": ["index\tsentence1\tsentence2\tlabel", "0\tA.\tB.\t1"],
}
GLUE_ROWS: dict[str, Row] = {
    "cola": {"text": 'sentence: It is "so.', "label": 1},
    "sst2": {"text": "sentence: fine", "label": 1},
    "mrpc": {"text": 'sentence1: A "b . sentence2: C .', "label": 1},
    "stsb": {"text": "sentence1: A. sentence2: B.", "score": 3.8},
    "qqp": {"text": "question1: A? question2: B?", "label": 1},
    "mnli": {"text": "premise: A. hypothesis: B.", "label": 2},
    "qnli": {"text": "question: A? sentence: B.", "label": 1},
    "rte": {"text": "sentence1: A. sentence2: B.", "label": 0},
    "wnli": {"text": "sentence1: A. sentence2: B.", "label": 1},
}


@pytest.mark.parametrize("task", GLUE, ids=lambda task: task.name)
def test_tables_of_glue(tmp_path: Path, task: Any) -> None:
    for name in task.files.values():
        write(tmp_path / task.folder / name, TABLES[task.name])
    expected = {split: [GLUE_ROWS[task.name]] for split in task.rows}
    assert read(f"glue-{task.name}", tmp_path) == expected
    assert read(f"glue-{task.name}", tmp_path / task.folder) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0\tA.\tB.\tmaybe", "line 2, has the label `maybe`, expected `entailment`, `not_entailment`"),
        ("0\tA.\tB.\t2", "line 2, has the label `2`, expected `entailment`, `not_entailment`"),
        ("0\tA.\tentailment", "line 2, has 3 cells, expected 4"),
    ],
)
def test_a_broken_line_of_glue_is_named(tmp_path: Path, line: str, message: str) -> None:
    for name in ("train.tsv", "dev.tsv"):
        path = write(tmp_path / name, ["index\tsentence1\tsentence2\tlabel", line])
    error = refused("glue-rte", tmp_path)
    assert error.message == f"`{path.with_name('train.tsv')}`, {message}"


def test_a_table_without_labels_is_refused(tmp_path: Path) -> None:
    for name in ("train.tsv", "dev.tsv"):
        write(tmp_path / name, ["index\tsentence", "0\tA."])
    assert refused("glue-sst2", tmp_path).message == f"`{tmp_path / 'train.tsv'}` has no column `label`"
    write(tmp_path / "train.tsv", ["index\tsentence1\tsentence2\tscore", "0\tA.\tB.\thigh"])
    assert refused("glue-stsb", tmp_path).message.endswith("line 2, has the label `high`, expected a number")


PASSAGE = {
    "text": "Ann met Bo.\n@highlight\nAnn left",
    "entities": [{"start": 8, "end": 9}, {"start": 0, "end": 2}],
}
RECORDS: dict[str, dict[str, Any]] = {
    "boolq": {"question": "is it", "passage": "It is.", "label": True},
    "cb": {"premise": "A.", "hypothesis": "B.", "label": "contradiction"},
    "copa": {"premise": "It fell.", "choice1": "Up.", "choice2": "Down.", "question": "effect", "label": 1},
    "multirc": {
        "passage": {
            "text": "<b>Sent 1: </b>A.<br>",
            "questions": [
                {"question": "Who?", "answers": [{"text": "C", "label": 0}, {"text": "A", "label": 1}]}
            ],
        }
    },
    "record": {
        "passage": PASSAGE,
        "qas": [{"query": "@placeholder left", "answers": [{"start": 0, "end": 2, "text": "Ann"}]}],
    },
    "rte": {"premise": "A.", "hypothesis": "B.", "label": "not_entailment"},
    "wic": {"word": "bank", "sentence1": "A bank.", "sentence2": "Banks.", "label": False}
    | {"start1": 2, "end1": 6, "start2": 0, "end2": 5},
    "wsc": {
        "text": "The old man saw that he won.",
        "target": {"span1_index": 0, "span1_text": "The old man", "span2_index": 5, "span2_text": "he"},
        "label": True,
    },
}
SUPERGLUE_ROWS: dict[str, list[Row]] = {
    "boolq": [{"text": "question: is it passage: It is.", "label": 1}],
    "cb": [{"text": "premise: A. hypothesis: B.", "label": 1}],
    "copa": [
        {
            "choices": [
                f"premise: It fell. question: what was the effect? answer: {answer}"
                for answer in ("Up.", "Down.")
            ],
            "label": 1,
        }
    ],
    "multirc": [
        {"text": "question: Who? answer: C paragraph: A.", "label": 0},
        {"text": "question: Who? answer: A paragraph: A.", "label": 1},
    ],
    "record": [
        {
            "choices": [f"query: {name} left passage: Ann met Bo. Ann left" for name in ("Bo", "Ann")],
            "label": 1,
        }
    ],
    "rte": [{"text": "premise: A. hypothesis: B.", "label": 1}],
    "wic": [{"text": "word: bank sentence1: A *bank*. sentence2: *Banks*.", "label": 0}],
    "wsc": [{"text": "text: *The old man* saw that #he# won. noun: The old man pronoun: he", "label": 1}],
}


@pytest.mark.parametrize("task", SUPERGLUE, ids=lambda task: task.name)
def test_records_of_superglue(tmp_path: Path, task: Any) -> None:
    json_lines(tmp_path / task.folder / "train.jsonl", [RECORDS[task.name]] * 2)
    json_lines(tmp_path / task.folder / "val.jsonl.gz", [RECORDS[task.name]])
    rows = SUPERGLUE_ROWS[task.name]
    expected = {"train": rows * 2, "validation": rows}
    assert read(f"superglue-{task.name}", tmp_path) == expected
    assert read(f"superglue-{task.name}", tmp_path / task.folder) == expected


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("boolq", {"label": 2}, "ValueError, the label 2"),
        ("cb", {"label": "perhaps"}, "ValueError, the label 'perhaps'"),
        ("wsc", {"text": "Short"}, "IndexError, list index out of range"),
        ("copa", {"choice1": None}, "AttributeError"),
        ("copa", {"label": 2}, "ValueError, the label 2"),
    ],
)
def test_a_broken_record_of_superglue_is_named(
    tmp_path: Path, name: str, change: dict[str, Any], what: str
) -> None:
    for file in ("train.jsonl", "val.jsonl"):
        json_lines(tmp_path / file, [RECORDS[name], RECORDS[name] | change])
    path = tmp_path / "train.jsonl"
    assert refused(f"superglue-{name}", tmp_path).message.startswith(
        f"`{path}` has no such record at line 2: {what}"
    )


def test_a_line_that_is_no_json(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ["", "{"])
    write(tmp_path / "val.jsonl", ["[]"])
    assert refused("superglue-cb", tmp_path).message.startswith(
        f"`{tmp_path / 'train.jsonl'}` is no json at line 2: "
    )
    write(tmp_path / "train.jsonl", ["[]"])
    assert (
        refused("superglue-cb", tmp_path).message == f"`{tmp_path / 'train.jsonl'}` holds no object at line 1"
    )


def test_a_query_without_an_answer_is_refused(tmp_path: Path) -> None:
    query = {"query": "@placeholder left", "answers": [{"start": 0, "end": 2, "text": "Cy"}]}
    for file in ("train.jsonl", "val.jsonl"):
        json_lines(tmp_path / file, [{"passage": PASSAGE, "qas": [query]}])
    message = "no answer to `@placeholder left` is among the entities of its passage"
    assert refused("superglue-record", tmp_path).message == message


@pytest.mark.parametrize("name", ["cola", "sst2", "mrpc", "stsb", "rte"])
def test_glue_as_published(name: str, shared: Path) -> None:
    corpus = CORPORA[f"glue-{name}"]
    rows = read(f"glue-{name}", shared / "data/glue")
    assert {split: len(found) for split, found in rows.items()} == corpus.rows
    if corpus.class_names:
        assert {row["label"] for row in rows["validation"]} == set(range(len(corpus.class_names)))
    else:
        assert {min(row["score"] for row in rows["train"]), max(row["score"] for row in rows["train"])} == {
            0,
            5,
        }


@pytest.mark.slow
def test_superglue_as_published(shared: Path) -> None:
    assert {
        split: len(rows) for split, rows in read("superglue-boolq", shared / "data/superglue").items()
    } == {
        "train": 9_427,
        "validation": 3_270,
    }
    copa = read("superglue-copa", shared / "data/superglue")
    assert {split: len(rows) for split, rows in copa.items()} == {"train": 32, "validation": 100}
    assert all(len(row["choices"]) == 2 and row["label"] in (0, 1) for rows in copa.values() for row in rows)
