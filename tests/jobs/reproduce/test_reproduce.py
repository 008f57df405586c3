"""The main job at a toy size: it trains, evaluates, reports, skips what is done, resumes what was not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.jobs.reproduce import reproduce as job
from synthcli.jobs.reproduce import rows as reproduce_rows
from synthcli.jobs.reproduce.reproduce import Reproduction, reproduce
from synthcli.jobs.reproduce.rows import folder_in
from synthcli.reproduce.table import ResultRow, write_markdown
from synthcli.reproduce.tasks import Task, synthesizers
from tests.jobs.reproducing import Told

pytestmark = pytest.mark.slow

TOY = (
    "model.d_model=16",
    "model.d_ff=16",
    "model.mixer.heads=2",
    "model.encoder.layers=1",
    "model.decoder.layers=1",
    "training.steps=4",
    "training.evaluate_every=2",
    "training.save_every=2",
    "training.validation_examples=8",
    "training.schedule.warmup_steps=1",
    "data.batch.size=8",
    "evaluation.max_length=4",
)


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    monkeypatch.setattr(
        job, "TASKS", (Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), "copy"),)
    )
    monkeypatch.setattr(reproduce_rows, "TIMED_ROUNDS", 1)
    return tmp_path


ASKED = Reproduction("smoke", None, TOY)
ROWS = [f"wmt14-{variant} on copy" for variant in ("vanilla", "random", "dense")]


def test_a_second_reproduction_trains_nothing_and_says_the_same(here: Path) -> None:
    told = Told()
    report = reproduce(ASKED, here / "reports", told)
    rows = report.rows
    assert report.error is None and sorted(told.ended) == ["step times, translation on copy", *sorted(ROWS)]
    assert [(row.task, row.variant, row.corpus, row.samples) for row in rows] == [
        ("translation", variant, "copy", 500) for variant in ("vanilla", "dense", "random")
    ]
    assert rows[0].step_time == 1.0 and all(row.parameters > 0 for row in rows)
    assert report.path is not None
    table = report.path.read_text()
    assert "| translation (copy) | vanilla | exact_match | 0.00 (!) |" in table
    assert "**Not better than untrained (!): wmt14-vanilla on copy" in table
    assert f"one row at a time, each on {torch.get_num_threads()} thread" in table
    written = json.loads(report.path.with_suffix(".json").read_text())
    assert written["rows"][1]["preset"] == "wmt14-dense" and (written["jobs"], written["failed"]) == (1, {})

    runs, told = sorted(here.glob("runs/*/*")), Told()
    again = reproduce(ASKED, here / "reports", told)
    assert again == report and told.lines == [] and sorted(here.glob("runs/*/*")) == runs


def test_an_interrupted_reproduction_resumes_its_run(here: Path) -> None:
    rows = reproduce(ASKED, here / "reports", Told()).rows
    (run,) = (here / "runs" / "wmt14-dense").iterdir()
    (run / "finished.json").unlink()
    shutil.rmtree(run / "checkpoints" / "step-00000004")
    again = reproduce(ASKED, here / "reports", Told()).rows
    assert [row.value for row in again] == [row.value for row in rows]
    assert (run / "finished.json").exists()
    assert list((here / "runs" / "wmt14-dense").iterdir()) == [run]


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (SynthError("no room", "make some"), "no room", "make some"),
        (RuntimeError("no room\nat all"), "RuntimeError: no room", job.KEPT),
    ],
    ids=["a mistake", "a bug"],
)
def test_a_row_that_fails_is_named_and_the_others_are_done(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str, hint: str
) -> None:
    evaluate = reproduce_rows.evaluate_checkpoint

    def failing(path: Path, *more: Any) -> Any:
        if "wmt14-dense" in str(path):
            raise error
        return evaluate(path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(reproduce_rows, "evaluate_checkpoint", failing)
        report = reproduce(ASKED, here / "reports", Told())
    assert [(row.variant, row.step_time) for row in report.rows] == [("vanilla", None), ("random", None)]
    assert report.error is not None and report.error.exit_code == 1
    assert (report.error.message, report.error.hint) == (f"wmt14-dense on copy: {message}", hint)
    assert report.path is not None and f"\n- wmt14-dense on copy: {message}\n" in report.path.read_text()
    again = reproduce(ASKED, here / "reports", Told())
    assert again.error is None and [row.variant for row in again.rows] == ["vanilla", "dense", "random"]
    assert len(list((here / "runs" / "wmt14-dense").iterdir())) == 1


def test_the_report_names_the_gpus_that_rows_were_trained_on(here: Path) -> None:
    report = reproduce(ASKED, here / "reports", Told())
    assert report.path is not None
    versions = f", torch {torch.__version__}"
    assert f"{versions}, " not in report.path.read_text()
    path = Path(report.rows[0].run) / "environment.json"
    record = json.loads(path.read_text())
    record["sessions"][0]["gpu"] = "NVIDIA H200"
    path.write_text(json.dumps(record))
    report = reproduce(ASKED, here / "reports", Told())
    assert report.path is not None
    assert f"{versions}, NVIDIA H200" in report.path.read_text()


def test_where_every_row_fails_there_is_no_table(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*what: Any) -> Any:
        raise SynthError("no corpus", "fetch it")

    monkeypatch.setattr(reproduce_rows, "train_experiment", failing)
    report = reproduce(ASKED, here / "reports", Told())
    assert report.path is None and report.error is not None
    assert (report.error.exit_code, report.error.hint) == (2, "fetch it")
    lines = report.error.message.splitlines()
    assert [lines[0], *sorted(lines[1:])] == ["3 failed:", *(f"{name}: no corpus" for name in sorted(ROWS))]


def test_rows_on_other_threads_are_told() -> None:
    row = ResultRow(
        "task",
        "preset",
        "variant",
        "corpus",
        "accuracy",
        "a protocol",
        1.0,
        None,
        0.0,
        True,
        5,
        9,
        4,
        None,
        "",
        "run",
    )
    said = [
        write_markdown([replace(row, threads=threads), row], "smoke", 0, "here", 2, {})
        for threads in ((2,), (3, 2))
    ]
    assert "0) a row; here; 2 rows at a time, each on 2 threads.\n" in said[0]
    assert "2 rows at a time, on different threads (2, 3), so that bits may differ from rows" in said[1]


def test_a_corpus_is_found_in_a_folder_of_corpora_by_its_name(tmp_path: Path) -> None:
    for name in ("ag_news_csv", "wmt14_en_de"):
        (tmp_path / name).mkdir()
    assert folder_in(tmp_path, "ag-news") == (tmp_path / "ag_news_csv").resolve()
    assert folder_in(tmp_path, "wmt14-en-de") == (tmp_path / "wmt14_en_de").resolve()
