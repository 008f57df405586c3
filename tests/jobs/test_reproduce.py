"""The main job at a toy size: it trains, judges, reports, skips what is done, resumes what was not."""

import json
import shutil
from pathlib import Path

import pytest

from synthcli.jobs import reproduce as job
from synthcli.jobs.reproduce import Reproduction, Task, folder_in, reproduce, synthesizers
from synthcli.jobs.train import Watcher

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
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    monkeypatch.setattr(
        job, "TASKS", (Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), "copy"),)
    )
    monkeypatch.setattr(job, "TIMED_ROUNDS", 1)
    return tmp_path


def test_a_second_reproduction_trains_nothing_and_says_the_same(here: Path) -> None:
    said: list[str] = []
    asked, watcher = Reproduction("smoke", None, TOY), Watcher(said.append)
    path, rows = reproduce(asked, here / "reports", watcher)
    assert [(row.task, row.variant, row.corpus, row.samples) for row in rows] == [
        ("translation", variant, "copy", 500) for variant in ("vanilla", "dense", "random")
    ]
    assert rows[0].step_time == 1.0 and all(row.parameters > 0 for row in rows)
    table = path.read_text()
    assert "| translation (copy) | vanilla | exact_match | 0.00 (!) |" in table
    assert "**Not better than untrained (!): wmt14-vanilla on copy" in table
    assert json.loads(path.with_suffix(".json").read_text())["rows"][1]["preset"] == "wmt14-dense"

    runs = sorted(here.glob("runs/*/*"))
    said.clear()
    _, again = reproduce(asked, here / "reports", watcher)
    assert again == rows and said == [] and sorted(here.glob("runs/*/*")) == runs


def test_an_interrupted_reproduction_resumes_its_run(here: Path) -> None:
    asked, watcher = Reproduction("smoke", None, TOY), Watcher(lambda line: None)
    _, rows = reproduce(asked, here / "reports", watcher)
    (run,) = (here / "runs" / "wmt14-dense").iterdir()
    (run / "finished.json").unlink()
    shutil.rmtree(run / "checkpoints" / "step-00000004")
    _, again = reproduce(asked, here / "reports", watcher)
    assert [row.value for row in again] == [row.value for row in rows]
    assert (run / "finished.json").exists()
    assert list((here / "runs" / "wmt14-dense").iterdir()) == [run]


def test_a_corpus_is_found_in_a_folder_of_corpora_by_its_name(tmp_path: Path) -> None:
    for name in ("ag_news_csv", "wmt14_en_de"):
        (tmp_path / name).mkdir()
    assert folder_in(tmp_path, "ag-news") == (tmp_path / "ag_news_csv").resolve()
    assert folder_in(tmp_path, "wmt14-en-de") == (tmp_path / "wmt14_en_de").resolve()
