"""Tuning at a toy size: the same trials for every arm, stops that resume to the same bits, no test text."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthcli.errors import SynthError
from synthcli.jobs.compare.arms import parse_arms
from synthcli.jobs.compare.compare import compare, prepare
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.tuning import plan_tuned, prepare_for, tune_arms
from synthcli.jobs.evaluate import evaluate
from synthcli.jobs.tune.alone import TuneRequest, prepare_alone, tune_alone
from synthcli.jobs.tune.report import tabulate
from synthcli.jobs.tune.tune import TRIAL_SEED, Tuning, configure, prepare_tuning, settle, tune, winner_of
from synthcli.runs import list_runs, read_experiment
from synthcli.training.checkpoints import load_checkpoint
from synthcli.training.metrics_log import read_journal
from tests.jobs.reproduce.test_reproduce import TOY
from tests.jobs.reproducing import Interrupts, Told

pytestmark = pytest.mark.slow

TOY_COPY = (*TOY, "data.corpus=copy", "training.steps=8")
WORDS = ("wmt14-vanilla", "d=wmt14-dense")
PEAK = "training.schedule.peak=1e-4..1e-1"
RATE = "training.schedule.factor=0.01..10"


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    return tmp_path


def asked(words: tuple[str, ...] = WORDS, **more: Any) -> CompareConfig:
    table: dict[str, Any] = {"seeds": 1, "scale": "smoke", "overrides": TOY_COPY, "metrics": ("accuracy",)}
    return CompareConfig(tuple(parse_arms(words)), **{**table, **more})


def compared(config: CompareConfig, folder: Path, told: Any, is_halving: bool = False) -> dict[str, Any]:
    tuning = prepare_for(config, [PEAK], 4, is_halving, folder)
    return compare(prepare(tune_arms(config, tuning, folder, told)), folder, told)


def losses_of_runs() -> dict[float, float]:
    """Return the last validation losses of trials by their peak, from the journals."""
    found = {}
    for run in list_runs():
        experiment = read_experiment(run)
        if experiment.training.seed == TRIAL_SEED and run.is_finished:
            rows = [row for row in read_journal(run.journal) if "validation_loss" in row]
            found[getattr(experiment.training.schedule, "peak")] = rows[-1]["validation_loss"]  # noqa: B009
    return found


def tuned(here: Path, is_halving: bool = False, words: tuple[str, ...] = WORDS[:1]) -> Tuning:
    config = configure(parse_arms(words, alone=True), [PEAK], 4, "smoke", TOY_COPY, is_halving)
    tuning = prepare_tuning(config, [None])
    tune(tuning, here / "records", Told())
    return tuning


def test_every_arm_has_the_same_trials_and_is_compared_with_its_best(here: Path) -> None:
    told = Told()
    report = compared(asked(), here / "reports", told)
    names = [f"{arm}, trial {n}" for n in range(1, 5) for arm in ("wmt14-vanilla", "d")]
    assert [name for name in told.ended if "trial" in name] == names
    vanilla, dense = report["tuning"]["arms"]
    values = [[row["values"] for row in arm["trials"]] for arm in (vanilla, dense)]
    assert values[0] == values[1] and len({one["training.schedule.peak"] for one in values[0]}) == 4
    for arm, row in zip((vanilla, dense), report["arms"], strict=True):
        best = min(arm["trials"], key=lambda one: one["loss"])
        assert arm["best"]["trial"] == best["trial"] and arm["best"]["loss"] == best["loss"]
        assert row["settings"] == arm["best"]["settings"]
        assert row["learning_rate"] == best["values"]["training.schedule.peak"]
    assert {one["seed"] for one in report["runs"]} == {0}
    assert "each arm tuned by 4 trials" in report["quote"]
    seeds = [read_experiment(run).training.seed for run in list_runs()]
    assert sorted(seeds) == [0] * 2 + [TRIAL_SEED] * 8
    again = compared(asked(), here / "reports", Told())
    assert again["tuning"] == report["tuning"] and len(list_runs()) == 10


def test_no_test_text_is_read_while_arms_are_tuned(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "evaluate_checkpoint", None)
    splits: list[str] = []
    from synthcli.data.store.store import Store
    from synthcli.jobs import stores, train

    real = stores.examples_of

    def note(store: Store, split: str, *more: Any) -> Any:
        splits.append(split)
        return real(store, split, *more)

    monkeypatch.setattr(train, "examples_of", note)
    tuning = tuned(here)
    assert set(splits) == {"train", "validation"}
    assert not [path for run in list_runs() for path in run.results.glob("*")]
    found = losses_of_runs()
    assert len(found) == 4
    best = min(found, key=lambda peak: found[peak])
    (arm,) = settle(tuning)
    assert arm.overrides == (f"training.schedule.peak={best}",)


def test_halving_stops_the_worse_and_ends_with_the_bits_of_trials_never_stopped(here: Path) -> None:
    tuning = tuned(here, is_halving=True)
    (arm,) = tabulate(tuning)["arms"]
    assert arm["rungs"] == [2, 4, None] and arm["best_of_k"] is None
    curves = {row["trial"]: dict(map(tuple, row["losses"])) for row in arm["trials"]}
    after_quarter = sorted(curves, key=lambda trial: curves[trial][2])[:2]
    after_half = min(after_quarter, key=lambda trial: curves[trial][4])
    stops = {row["trial"]: row["stopped"] for row in arm["trials"]}
    assert [trial for trial, step in stops.items() if step != 2] == sorted(after_quarter)
    assert stops[after_half] is None and arm["best"]["trial"] == after_half
    assert sum(step == 4 for step in stops.values()) == 1
    finished = [run for run in list_runs() if run.is_finished]
    assert len(finished) == 1 and len(list_runs()) == 4
    weights = load_checkpoint(finished[0].path).weights
    halved = dict(losses_of_runs())

    (here / "runs").rename(here / "before")
    whole = tuned(here / "whole")
    assert losses_of_runs().items() >= halved.items()
    peak = whole.config.points[after_half - 1]["training.schedule.peak"]
    (run,) = [run for run in list_runs() if read_experiment(run).training.schedule.peak == peak]  # type: ignore[union-attr]
    other = load_checkpoint(run.path).weights
    assert all(np.array_equal(other[name].numpy(), weights[name].numpy()) for name in weights)


def test_trials_that_were_stopped_go_on_where_a_whole_tuning_asks_for_them(here: Path) -> None:
    tuned(here, is_halving=True)
    stopped = {run.id for run in list_runs()}
    tuned(here)
    assert {run.id for run in list_runs()} == stopped and all(run.is_finished for run in list_runs())


@pytest.mark.parametrize("is_halving", [False, True])
def test_an_interrupted_tuning_ends_with_the_same_report(here: Path, is_halving: bool) -> None:
    for left in (3, 9, 17):
        with pytest.raises(KeyboardInterrupt):
            compared(asked(), here / "reports", Interrupts(left), is_halving)
    report = compared(asked(), here / "reports", Told(), is_halving)
    (here / "runs").rename(here / "before")
    again = compared(asked(), here / "other", Told(), is_halving)
    assert _without_runs(again["tuning"]) == _without_runs(report["tuning"])
    assert again["contrasts"] == report["contrasts"]


def _without_runs(table: dict[str, Any]) -> dict[str, Any]:
    for arm in table["arms"]:
        for row in arm["trials"]:
            del row["run"]
    return table


def test_a_tuned_comparison_is_made_again_from_its_records_alone(here: Path) -> None:
    report = compared(asked(), here / "reports", Told())
    records = here / "reports" / "compare-wmt14-vanilla-d" / "records"
    (here / "runs").rename(here / "elsewhere")
    told = Told()
    again = compared(asked(records=records), here / "other", told)
    assert again["tuning"] == report["tuning"] and not told.ended and not list_runs()
    assert [one["difference"] for one in again["contrasts"]] == [
        one["difference"] for one in report["contrasts"]
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda table: table["trials"][0].pop("losses"), "it lacks `losses`"),
        (lambda table: table["trials"][0].update(losses=[["a", 1]]), '`losses.0.0` is "a"'),
        (lambda table: table["trials"][0].update(losses=[]), "a finished trial has no loss"),
        (lambda table: table["trials"][0].update(losses=[[1]]), "not enough values to unpack"),
        (lambda table: table.update(trials=3), "`trials` is no list"),
    ],
)
def test_a_damaged_file_of_trials_is_one_message(here: Path, change: Any, why: str) -> None:
    tuning = tuned(here)
    path = here / "records" / "tuning.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
    with pytest.raises(SynthError) as raised:
        prepare_tuning(tuning.config, [here / "records"])
    assert raised.value.message.startswith(f"`{path}` tells of no trials: ") and why in raised.value.message
    assert raised.value.hint.startswith("delete it")


def test_a_trial_that_diverges_is_the_worst_and_stays_in_the_table(here: Path) -> None:
    words = ["training.schedule.peak=1e-3..1e30"]
    config = configure(parse_arms(WORDS[:1], alone=True), words, 4, "smoke", TOY_COPY)
    tuning = prepare_tuning(config, [])
    tune(tuning, here / "records", Told())
    (arm,) = tabulate(tuning)["arms"]
    diverged = [row for row in arm["trials"] if row["diverged"]]
    assert len(diverged) >= 2 and all(row["loss"] is None and row["run"] for row in diverged)
    assert "nan at step" in diverged[0]["diverged"]
    assert arm["best"]["loss"] is not None
    assert arm["best_of_k"][: len(diverged)] == [None] * len(diverged)
    assert all(isinstance(one, float) for one in arm["best_of_k"][len(diverged) :])
    told = Told()
    again = prepare_tuning(config, [here / "records"])
    tune(again, here / "records", told)
    assert not told.ended and tabulate(again)["arms"] == [arm]


def test_where_every_trial_diverges_it_says_where_to_look(here: Path) -> None:
    words = ["training.schedule.peak=1e25..1e30"]
    config = configure(parse_arms(WORDS[:1], alone=True), words, 2, "smoke", TOY_COPY, is_halving=True)
    with pytest.raises(SynthError) as raised:
        tune(prepare_tuning(config, []), here / "records", Told())
    assert raised.value.message == "every trial of arm `wmt14-vanilla` diverged"
    assert raised.value.hint == "begin lower: `--tune training.schedule.peak=1e+24..1e+30`"


def test_a_plan_counts_trials_and_is_of_tuned_arms_once_they_are_there(here: Path) -> None:
    from synthcli.jobs.compare.compare import plan_of

    config = asked()
    before = plan_of(prepare(plan_tuned(config, prepare_for(config, [PEAK], 4, False, here))))
    assert [(row["trials"], row["missing"]) for row in before] == [(4, 1), (4, 1)]
    tuning = prepare_for(config, [PEAK], 4, False, here)
    tune(tuning, here / "records", Told())
    after = plan_of(prepare(plan_tuned(config, prepare_for(config, [PEAK], 4, False, here))))
    assert [row["missing"] for row in after] == [1, 1] and "trials" not in after[0]
    assert [row["settings"] for row in after] == [list(arm.overrides) for arm in settle(tuning)]


def test_halving_costs_half_of_whole_trials(here: Path) -> None:
    from synthcli.jobs.compare.tuning import count_missing

    config = configure(parse_arms(WORDS[:1], alone=True), [PEAK], 8, "smoke", TOY_COPY, is_halving=True)
    counted = count_missing(prepare_tuning(config, []), config.arms[0])
    # 8 trials of a quarter, 4 of a quarter more, 2 of a half more
    assert (counted["trials"], counted["runs"]) == (8, 8 / 4 + 4 / 4 + 2 / 2)


def test_an_arm_with_seeds_of_its_own_has_trials_of_its_own(here: Path) -> None:
    config = asked(("wmt14-vanilla", "again=wmt14-vanilla: training.seed=7"))
    assert prepare_for(config, [PEAK], 4, False, here).config.seeds == (TRIAL_SEED, TRIAL_SEED + 7)


def test_a_tuning_alone_has_a_report_and_names_the_command_that_uses_it(here: Path) -> None:
    request = TuneRequest(
        "d=wmt14-dense: training.clip=0.5", (PEAK,), 4, "smoke", TOY_COPY, output=here, command="synth tune …"
    )
    report = tune_alone(prepare_alone(request), Told())
    folder = here / "tune-d"
    assert json.loads((folder / "report.json").read_text()) == report
    (arm,) = report["tuning"]["arms"]
    peak = arm["best"]["values"]["training.schedule.peak"]
    assert report["next"].startswith("synth train wmt14-dense --scale smoke --set model.d_model=16 ")
    assert report["next"].endswith(f"--set training.clip=0.5 --set training.schedule.peak={peak}")
    markdown, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    assert f"| {arm['best']['trial']} * | {peak:.4g} | {arm['best']['loss']:.4f} |" in markdown
    assert markdown.count("| best of k |") == 1 and "`synth tune …` makes this report again." in markdown
    assert page.count("<svg") == 1 and "<script" not in page and "http-equiv" not in page
    assert math.isclose(arm["best_of_k"][-1], arm["best"]["loss"])


def test_the_best_is_a_pure_function_of_the_losses(here: Path) -> None:
    tuning = tuned(here)
    (arm,) = tuning.config.arms
    found = losses_of_runs()
    peaks = [point["training.schedule.peak"] for point in tuning.config.points]
    assert tuning.losses_of(arm, 0) == pytest.approx(
        {number: found[float(peak)] for number, peak in enumerate(peaks, 1)}
    )
    assert winner_of(tuning, arm) == min(range(1, 5), key=lambda number: found[float(peaks[number - 1])])


def test_a_comparison_on_the_split_it_was_tuned_by_says_so(here: Path) -> None:
    config = asked(overrides=(*TOY_COPY, "evaluation.split=validation"))
    report = compared(config, here / "reports", Told())
    (warning,) = report["tuning"]["warnings"]
    assert warning.startswith(
        "arms are compared on the validation split, by which their settings were chosen"
    )
    markdown = (here / "reports" / "compare-wmt14-vanilla-d" / "report.md").read_text()
    assert report["split"] == "validation" and warning in markdown
