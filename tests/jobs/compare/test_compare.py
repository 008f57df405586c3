"""Comparisons at a toy size: what is missing is trained, what is there counts, reports follow from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthcli.compare.contrasts import contrast_arms, value_of
from synthcli.compare.figures import QUANTITIES
from synthcli.compare.record import RunRecord, read_record
from synthcli.errors import SynthError
from synthcli.evaluation.figures import FIGURES
from synthcli.evaluation.measure import METRICS
from synthcli.jobs.compare.arms import Arm, parse_arm, parse_arms
from synthcli.jobs.compare.compare import compare, prepare
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.records import portable_settings
from synthcli.jobs.compare.words import markdown
from synthcli.jobs.parallel.work import Failure
from synthcli.jobs.reproduce.rows import trains_alike
from synthcli.runs import list_runs, read_experiment
from tests.jobs.reproduce.test_reproduce import TOY
from tests.jobs.reproducing import Interrupts, Told

pytestmark = pytest.mark.slow

TOY_COPY = (*TOY, "data.corpus=copy")


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    return tmp_path


def asked(words: tuple[str, ...] = ("wmt14-vanilla", "d=wmt14-dense"), **more: Any) -> CompareConfig:
    table: dict[str, Any] = {"seeds": 2, "scale": "smoke", "overrides": TOY_COPY, "metrics": ("accuracy",)}
    return CompareConfig(tuple(parse_arms(words)), **{**table, **more})


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without what a clock, a run's id or this machine decides."""
    arms = [{key: value for key, value in row.items() if key != "seconds"} for row in report["arms"]]
    return {**report, "arms": arms, "runs": [(one["arm"], one["seed"]) for one in report["runs"]]}


def test_a_comparison_trains_what_is_missing_and_is_made_again_from_its_records(here: Path) -> None:
    told = Told()
    report = compare(prepare(asked()), here / "reports", told)
    assert sorted(told.ended) == [f"{arm}, seed {s}" for arm in ("d", "wmt14-vanilla") for s in (0, 1)]
    folder = here / "reports" / "compare-wmt14-vanilla-d"
    assert json.loads((folder / "report.json").read_text())["quote"] == report["quote"]
    assert (folder / "report.md").read_text() == markdown(report)
    assert len(list_runs()) == 4

    again = compare(prepare(asked()), here / "reports", Told())
    assert without_times(again) == without_times(report) and len(list_runs()) == 4

    more = compare(prepare(asked(seeds=3)), here / "reports", Told())
    assert len(list_runs()) == 6 and more["contrasts"][0]["pairs"] == [0, 1, 2]

    records = folder / "records"
    (records / "measured.steps-per-second.smoke.0.json").write_text("{}")  # of a claim, beside runs
    (here / "runs").rename(here / "elsewhere")
    counted = prepare(asked(records=records))
    assert not counted.waiting
    from_records = compare(counted, here / "other", Told())
    assert without_times(from_records) == without_times(report) and not list_runs()


def test_an_interrupted_comparison_ends_with_the_same_report(here: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare(prepare(asked()), here / "reports", Interrupts(9))
    assert not (here / "reports" / "compare-wmt14-vanilla-d" / "report.json").exists()
    report = compare(prepare(asked()), here / "reports", Told())
    (here / "runs").rename(here / "before")
    assert without_times(compare(prepare(asked()), here / "reports", Told())) == without_times(report)


def test_runs_are_compared_as_they_are(here: Path) -> None:
    compare(prepare(asked(seeds=1)), here / "reports", Told())
    runs = [run.id for run in list_runs()]
    report = compare(
        prepare(CompareConfig(tuple(parse_arms(runs)), metrics=("accuracy",))), here / "r", Told()
    )
    (contrast,) = report["contrasts"]
    assert contrast["arm"] == runs[1] and contrast["verdict"] == "undecided"
    assert contrast["over_seeds"]["interval"] is None and contrast["over_samples"]["samples"] > 1
    assert "one seed says nothing of others" in report["quote"]


def test_a_run_that_diverges_is_an_outcome(here: Path) -> None:
    words = ("wmt14-vanilla", "hot=wmt14-vanilla: training.schedule.peak=1e30")
    with pytest.raises(SynthError, match="every run of arm `hot` diverged"):
        compare(prepare(asked(words, seeds=1)), here / "reports", Told())


def record_of(here: Path, arm: str, seed: int) -> RunRecord:
    folder = here / "reports" / "compare-wmt14-vanilla-d" / "records"
    (path,) = folder.glob(f"{arm}.*.seed-{seed}.*.json")
    return read_record(path)


def test_figures_of_a_report_are_those_of_the_records(here: Path) -> None:
    report = compare(prepare(asked()), here / "reports", Told())
    (contrast,) = report["contrasts"]
    differences = [
        value_of(record_of(here, "wmt14-dense", seed), QUANTITIES["accuracy"])
        - value_of(record_of(here, "wmt14-vanilla", seed), QUANTITIES["accuracy"])
        for seed in (0, 1)
    ]
    assert contrast["over_seeds"]["differences"] == pytest.approx(differences)
    assert contrast["difference"] == pytest.approx(np.mean(differences))
    for row in report["arms"]:
        (figure,) = row["figures"].values()
        assert figure["mean"] == pytest.approx(np.mean(list(figure["values"].values())))


def test_what_is_not_comparable_is_refused(here: Path) -> None:
    compare(prepare(asked(seeds=1)), here / "reports", Told())
    one, other = record_of(here, "wmt14-vanilla", 0), record_of(here, "wmt14-dense", 0)
    quantity = QUANTITIES["accuracy"]
    elsewhere = RunRecord(**{**vars(other), "corpus": "reverse"})
    with pytest.raises(SynthError, match="different data: `copy` and `reverse`"):
        contrast_arms({"a": {0: one}, "b": {0: elsewhere}}, quantity, None)
    newer = RunRecord(**{**vars(other), "store": "0123456789ab"})
    with pytest.raises(SynthError, match=r"two versions of the store of `copy`: .* 01234567"):
        contrast_arms({"a": {0: one}, "b": {0: newer}}, quantity, None)
    with pytest.raises(SynthError, match="no seed in common"):
        contrast_arms({"a": {0: one}, "b": {1: other}}, quantity, None)
    with pytest.raises(SynthError, match="has no `bleu`"):
        contrast_arms({"a": {0: one}, "b": {0: other}}, QUANTITIES["bleu"], None)


def test_every_metric_can_be_compared() -> None:
    assert {one.metric for one in QUANTITIES.values()} == METRICS.keys()
    assert {
        name for one in QUANTITIES.values() for name in (one.figure, one.otherwise) if name
    } <= FIGURES.keys()


def test_arms_as_they_are_typed(here: Path) -> None:
    assert parse_arm("wmt14-dense") == Arm("wmt14-dense", "wmt14-dense")
    assert parse_arm("a/b.toml") == Arm("b", "a/b.toml")
    assert parse_arm("few=wmt14-dense: model.mixer.heads=2 'title=two heads'") == Arm(
        "few", "wmt14-dense", ("model.mixer.heads=2", "title=two heads")
    )


def test_several_metrics_are_one_family(here: Path) -> None:
    config = asked(metrics=("accuracy", "perplexity"), margins=("perplexity=0.3",), seeds=3)
    report = compare(prepare(config), here / "reports", Told())
    accuracy, loss = report["contrasts"]
    assert [one["metric"] for one in report["contrasts"]] == ["accuracy", "perplexity"]
    assert (accuracy["unit"], loss["unit"]) == ("% right", "nats a token")
    assert (accuracy["margin"], loss["margin"]) == (0.5, 0.3)
    assert not loss["higher_is_better"] and report["metrics"]["perplexity"]["figure"] == "loss"
    smaller, larger = sorted((one["both"] for one in report["contrasts"]), key=lambda both: both["p"])
    assert smaller["adjusted_p"] == pytest.approx(min(1.0, 2 * smaller["p"]))
    assert larger["adjusted_p"] == pytest.approx(max(larger["p"], smaller["adjusted_p"]))
    assert "| d | nats a token |" in markdown(report)

    records = here / "reports" / config.name / "records"
    alone = prepare(asked(metrics=("perplexity",), records=records, seeds=3))
    assert not alone.waiting  # a record of two metrics is one of either


def test_a_record_of_one_metric_as_it_was_written_is_read(here: Path) -> None:
    compare(prepare(asked(seeds=1)), here / "reports", Told())
    path = next((here / "reports").glob("*/records/*.json"))
    record, table = read_record(path), json.loads(path.read_text())
    table["metric"], table["options"] = table.pop("metrics")[0], table["options"]["accuracy"]
    path.write_text(json.dumps(table))
    old, before = read_record(path).to_json(), record.to_json()
    assert json.dumps(old) == json.dumps(before)


def test_an_arm_may_have_seeds_of_its_own(here: Path) -> None:
    words = ("wmt14-vanilla", "again=wmt14-vanilla: training.seed=100")
    report = compare(prepare(asked(words)), here / "reports", Told())
    seeds = sorted(read_experiment(run).training.seed for run in list_runs())
    assert seeds == [0, 1, 100, 101] and report["contrasts"][0]["pairs"] == [0, 1]
    (line,) = (line for line in report["unequal"] if line.startswith("first seed"))
    assert line == "first seed, so that equal numbers are no pairs: wmt14-vanilla 0, again 100"


def test_runs_of_two_commits_are_noted(here: Path) -> None:
    compare(prepare(asked(seeds=1)), here / "reports", Told())
    records = here / "reports" / asked().name / "records"
    path = next(records.glob("wmt14-dense*.json"))
    table = json.loads(path.read_text())
    table["made"]["commit"] = "f" * 40
    path.write_text(json.dumps(table))
    report = compare(prepare(asked(seeds=1, records=records)), here / "other", Told())
    assert report["unequal"][-1].startswith("commit: ") and "f" * 10 in report["unequal"][-1]


def test_an_evaluation_with_other_options_is_another(here: Path) -> None:
    first = asked(seeds=1, metrics=("bleu",))
    compare(prepare(first), here / "reports", Told())
    records = here / "reports" / first.name / "records"
    assert not prepare(asked(seeds=1, metrics=("bleu",), records=records)).waiting
    beams = (*TOY_COPY, "evaluation.beam=3")
    other = asked(seeds=1, metrics=("bleu",), overrides=beams, records=records)
    assert len(prepare(other).waiting) == 2  # whatever the records say, and the runs
    compare(prepare(other), here / "other", Told())
    assert len(list_runs()) == 2  # they are evaluated again, not trained
    made = [read_record(path) for path in (here / "other" / other.name / "records").glob("*.json")]
    assert [one.options["bleu"]["beam"] for one in made] == [3, 3]


def test_two_arms_of_one_run_are_refused(here: Path) -> None:
    for word in ("again=wmt14-vanilla", "again=wmt14-vanilla: training.seed=1"):
        with pytest.raises(
            SynthError, match="arms `wmt14-vanilla` and `again` have one run in common"
        ) as found:
            prepare(asked(("wmt14-vanilla", word)))
        assert "training.seed=1000" in found.value.hint


def test_records_stand_in_order_whichever_run_ends_first(here: Path) -> None:
    comparison = prepare(asked(seeds=3))
    for run in reversed(comparison.waiting):
        comparison.end(run, Failure(run.name, "a fault"))
    assert [list(of_arm) for of_arm in comparison.failures.values()] == [[0, 1, 2]] * 2


def test_where_a_corpus_lies_does_not_make_a_run_another(here: Path) -> None:
    config = asked(seeds=1)
    compare(prepare(config), here / "reports", Told())
    for run in list_runs():  # as where a store was prepared with `--source`
        experiment = read_experiment(run)
        elsewhere = experiment.model_copy(
            update={"data": experiment.data.model_copy(update={"source": "/else/where"})}
        )
        assert trains_alike(elsewhere.model_dump(mode="json"), experiment)
        moved = elsewhere.data.model_copy(update={"source": "/third"})
        third = experiment.model_copy(update={"data": moved})
        assert not trains_alike(elsewhere.model_dump(mode="json"), third)
        assert portable_settings(elsewhere) == portable_settings(experiment)
