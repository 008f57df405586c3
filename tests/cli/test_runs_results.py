"""`synth runs results`: what a run came to, in the schema of Every Eval Ever 0.3.0."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthcli.evaluation.result import Figure, Result
from synthcli.jobs.export.every_eval_ever import BOUNDS, describe_results, path_of
from synthcli.runs import find_run

from .conftest import Synth

REQUIRED = {  # as eval.schema.json has them
    "schema_version",
    "evaluation_id",
    "retrieved_timestamp",
    "source_metadata",
    "model_info",
    "eval_library",
    "evaluation_results",
}
OF_RESULT = {"evaluation_name", "source_data", "metric_config", "score_details"}
RESULT = Result(
    metric="accuracy",
    figures=(Figure("accuracy", 87.5, (85.0, 90.0), "share right", "n:1", True),),
    samples=10,
    split_size=872,
    limit=10,
    corpus="glue-sst2",
    split="validation",
    store="0" * 64,
    checkpoint="a/b",
    step=3,
    options={"beam": 1, "length_penalty": 0.6, "max_length": None, "bootstrap": 1000},
    notes=("the first 10 samples",),
)


def log_in(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("*.json")
    return dict(json.loads(path.read_text()))


@pytest.fixture
def trained(synth: Synth, tiny: str, here: Path) -> Path:
    assert synth("train", tiny).code == 0
    (run,) = (here / "runs" / "tiny").iterdir()
    return run


@pytest.mark.slow
def test_results_are_written_where_the_datastore_keeps_them(synth: Synth, trained: Path, here: Path) -> None:
    said = synth("eval", "accuracy")
    assert said.code == 0, said.err
    said = synth("runs", "results", "tiny", "--as", "ada/tiny", "-o", "out")
    assert said.code == 0, said.err
    (path,) = (here / "out").rglob("*.json")
    assert path.parent == here / "out/data/reverse/ada/tiny"
    assert said.err.startswith("wrote `out/data/reverse/ada/tiny/")
    log = log_in(here / "out")
    assert set(log) == REQUIRED and log["schema_version"] == "0.3.0"
    assert log["model_info"]["id"] == "ada/tiny"
    (found,) = find_run(str(trained)).read_results().values()
    assert [one["score_details"]["score"] for one in log["evaluation_results"]] == [
        figure["value"] for figure in found["figures"]
    ]
    for one in log["evaluation_results"]:
        assert set(one) - {"generation_config"} == OF_RESULT
        assert one["score_details"]["uncertainty"]["num_samples"] == found["samples"]


@pytest.mark.slow
def test_the_same_results_are_the_same_file(synth: Synth, trained: Path, here: Path) -> None:
    assert synth("eval", "accuracy").code == 0
    for _ in range(2):
        assert synth("runs", "results", "--as", "ada/tiny", "-o", "out").code == 0
    first = log_in(here / "out")
    assert synth("runs", "results", "--as", "ada/other", "-o", "out").code == 0
    assert len(list((here / "out").rglob("*.json"))) == 2
    assert log_in(here / "out/data/reverse/ada/tiny") == first


def test_a_corpus_of_the_hub_is_named_as_there(trained: Path) -> None:
    log = describe_results(find_run(str(trained)), "ada/sst2", [RESULT])
    (one,) = log["evaluation_results"]
    assert one["source_data"] == {
        "dataset_name": "glue-sst2",
        "source_type": "hf_dataset",
        "hf_repo": "nyu-mll/glue",
        "hf_split": "val",
        "samples_number": 10,
        "additional_details": {"config": "sst2"},
    }
    assert one["metric_config"]["lower_is_better"] is False
    details = one["score_details"]
    assert details["uncertainty"]["confidence_interval"]["lower"] == 85.0
    assert details["details"]["notes"] == "the first 10 samples"
    assert all(isinstance(word, str) for word in details["details"].values())
    assert "generation_config" not in one  # nothing was written


def test_files_of_ones_own_have_no_address_and_a_portable_folder(trained: Path) -> None:
    log = describe_results(find_run(str(trained)), "ada/own", [replace(RESULT, corpus="csv:text=review/a")])
    assert log["evaluation_results"][0]["source_data"]["source_type"] == "other"
    assert path_of(log, "csv:text=review/a").parts[:4] == ("data", "csv-text-review-a", "ada", "own")


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_bounds_are_numbers_or_infinity(name: str) -> None:
    _, least, most = BOUNDS[name]
    assert isinstance(least, int | float) and (most == "Infinity" or float(most) > least)


def test_what_cannot_be_written_is_refused(synth: Synth, trained: Path, here: Path) -> None:
    for words, why in (
        (("--as", "tiny"), "`--as tiny` is not a name on the hub"),
        (("--as", "ada/tiny"), "has no results"),
    ):
        said = synth("runs", "results", *words, "-o", "out")
        assert said.code == 2 and why in said.err and "hint: " in said.err
    assert not (here / "out").exists()
