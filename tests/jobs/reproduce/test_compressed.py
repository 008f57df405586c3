"""The compressed row of the main job."""

from pathlib import Path

import pytest

from synthcli.jobs.reproduce import compressed
from synthcli.jobs.reproduce import reproduce as job
from synthcli.jobs.reproduce.reproduce import Reproduction, reproduce
from synthcli.reproduce.tasks import TEACHER, Task
from tests.jobs.reproducing import Told

TOY = (
    "model.d_model=16",
    "model.d_ff=16",
    "model.mixer.heads=2",
    "model.encoder.layers=3",
    "data.tokenizer.vocab_size=57",
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
    monkeypatch.setattr(job, "TASKS", (Task("hidden words", {"bert": TEACHER}, "perplexity"),))
    monkeypatch.setitem(compressed.SIZES, "smoke", (3, 40))
    return tmp_path


@pytest.mark.slow
def test_a_block_of_the_teacher_is_distilled_once_and_evaluated(here: Path) -> None:
    asked = Reproduction("smoke", None, TOY)
    report = reproduce(asked, here / "reports", Told())
    assert report.error is None and report.path is not None
    bert, without, error, words = rows = report.rows
    block = int(error.variant.rpartition(" ")[2])
    assert block in range(3) and without.variant == f"without block {block}"
    assert [row.variant for row in rows[2:]] == [f"half of block {block}"] * 2
    assert (without.metric, error.metric, words.metric) == ("perplexity", "nmse", "perplexity")
    assert error.value < error.untrained and not error.higher_is_better
    assert {row.samples for row in (bert, without, words)} == {bert.samples}
    assert {row.corpus for row in rows} == {"two-letters"}
    assert without.parameters < words.parameters < bert.parameters and error.parameters < words.parameters
    assert words.value == pytest.approx(bert.value, rel=0.05) and words.untrained != words.value
    assert f"| one block distilled (two-letters) | half of block {block} | nmse |" in report.path.read_text()

    runs, told = sorted(here.glob("runs/*/*")), Told()
    again = reproduce(asked, here / "reports", told)
    assert again == report and told.lines == [] and sorted(here.glob("runs/*/*")) == runs
