"""Results of a run as the hub reads them: in a card, and of benchmarks in `.eval_results`."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from torch import nn

from synthcli.errors import SynthError
from synthcli.exporters.export_bundle import BenchmarkResult, CardFacts, ExportBundle, Metric
from synthcli.exporters.hugging_face.card import write_card
from synthcli.exporters.hugging_face.eval_results import write_eval_results
from synthcli.jobs.export.benchmarks import add_benchmarks, find_results
from synthcli.jobs.export.push_files import sort_out
from tests.compress.small import bert_config

WHOLE = Metric(
    name="accuracy",
    value=87.123456,
    interval=(85.0, 89.25),
    protocol="share right",
    signature="n:1",
    corpus="glue-sst2",
    split="validation",
    samples=872,
    split_size=872,
    options={},
    corpus_title="SST-2",
    dataset="nyu-mll/glue",
    dataset_config="sst2",
    dataset_split="validation",
)
SLICE = replace(WHOLE, value=90.0, interval=None, samples=10, limit=10, signature="")
OWN = replace(WHOLE, corpus="csv:text=review", dataset=None, dataset_config=None, dataset_split=None)


def bundle_with(*metrics: Metric) -> ExportBundle:
    facts = CardFacts(synth="0", parameters=1, trained_parameters=1, step=3, metrics=metrics)
    return ExportBundle("sst2", bert_config(60), nn.Module(), None, facts)


def test_a_card_names_the_dataset_of_the_hub_and_tells_a_slice_and_an_interval(tmp_path: Path) -> None:
    write_card(bundle_with(WHOLE, SLICE), tmp_path, "masked-lm", "AutoModelForMaskedLM", False, ())
    whole, part = ModelCard.load(tmp_path / "README.md").data.eval_results
    where = (whole.dataset_type, whole.dataset_config, whole.dataset_split, whole.dataset_name)
    assert where == ("nyu-mll/glue", "sst2", "validation", "SST-2")
    assert (whole.metric_name, whole.metric_value) == ("accuracy", 87.1235)
    assert whole.metric_args == {
        "protocol": "share right",
        "signature": "n:1",
        "samples": 872,
        "split_size": 872,
        "interval_95": [85.0, 89.25],
    }
    assert part.metric_name == "accuracy (first 10 of 872 samples)"
    assert part.metric_args["limit"] == 10 and "interval_95" not in part.metric_args


def test_benchmarks_are_written_as_the_hub_library_reads_them(tmp_path: Path) -> None:
    bundle = add_benchmarks(bundle_with(WHOLE, SLICE), ["accuracy=nyu-mll/glue:tasks/sst2"], "hf")
    write_eval_results(bundle.card.benchmarks, tmp_path)
    files = sorted((tmp_path / ".eval_results").iterdir())
    assert [file.name for file in files] == ["nyu-mll-glue-tasks-sst2-2.yaml", "nyu-mll-glue-tasks-sst2.yaml"]
    (part,), (whole,) = (parse_eval_result_entries(yaml.safe_load(file.read_text())) for file in files)
    assert (whole.dataset_id, whole.task_id, whole.value) == ("nyu-mll/glue", "tasks/sst2", 87.1235)
    assert whole.notes == (
        "accuracy; 872 of 872 samples of split validation; 95 % 85.00 to 89.25; share right; n:1"
    )
    assert part.notes == "accuracy; first 10 of 872 samples of split validation; share right"
    assert (whole.date, whole.dataset_revision, whole.verify_token, whole.source_url) == (None,) * 4


def test_own_files_are_what_their_user_says() -> None:
    assert find_results([OWN], "accuracy=me/reviews:test") == [BenchmarkResult("me/reviews", "test", OWN)]


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        (
            "nyu-mll/glue:sst2",
            "`--benchmark nyu-mll/glue:sst2` is no `FIGURE=OWNER/DATASET:TASK`",
            "such as `--benchmark accuracy=openai/gsm8k:gsm8k`; `eval.yaml` of the dataset names its tasks",
        ),
        (
            "bleu=nyu-mll/glue:sst2",
            "`--benchmark bleu=nyu-mll/glue:sst2`: this checkpoint has no result `bleu`",
            "it has `accuracy`",
        ),
        (
            "accuracy=openai/gsm8k:gsm8k",
            (
                "`--benchmark accuracy=openai/gsm8k:gsm8k`: `accuracy` was measured on `glue-sst2`, "
                "`nyu-mll/glue` on the hub"
            ),
            "leave it out, or evaluate on the benchmark's own data first",
        ),
    ],
)
def test_what_is_no_result_of_a_benchmark_is_refused(word: str, message: str, hint: str) -> None:
    with pytest.raises(SynthError) as caught:
        find_results([WHOLE], word)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_corpus_that_the_hub_has_not_is_no_benchmark() -> None:
    made_up = replace(OWN, corpus="copy")
    with pytest.raises(SynthError, match="measured on `copy`, which is no dataset of the hub"):
        find_results([made_up], "accuracy=me/copy:copy")


def test_other_formats_have_no_benchmarks() -> None:
    with pytest.raises(SynthError, match="`--to onnx` is not for it"):
        add_benchmarks(bundle_with(WHOLE), ["accuracy=nyu-mll/glue:sst2"], "onnx")
    assert add_benchmarks(bundle_with(WHOLE), [], "onnx").card.benchmarks == ()


def test_a_push_sends_results_and_nothing_else_that_is_hidden(tmp_path: Path) -> None:
    for name in (
        ".eval_results/a.yaml",
        ".eval_results/b.txt",
        ".eval_results/.c.yaml",
        ".other/a.yaml",
        "d.yaml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("- value: 1\n")
    (tmp_path / "sub" / ".eval_results").mkdir(parents=True)
    sent, left = sort_out(tmp_path)
    assert [file.name for file in sent] == [".eval_results/a.yaml"]
    assert {one.name: one.why for one in left} == {
        ".eval_results/.c.yaml": "hidden",
        ".eval_results/b.txt": "of no kind that a model's folder needs",
        ".other/": "hidden, or a cache",
        "d.yaml": "of no kind that a model's folder needs",
        "sub/.eval_results/": "hidden, or a cache",
    }
