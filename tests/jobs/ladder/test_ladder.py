"""Ladders at a toy size: rungs are ordinary runs in a fair order, and recorded; the report follows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthcli.compare.ladder import Ladder
from synthcli.errors import SynthError
from synthcli.jobs.compare.arms import parse_arms
from synthcli.jobs.compare.compare import compare
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.ladder.ladder import LadderComparison, check_ladder, prepare_ladder
from synthcli.jobs.ladder.rungs import LadderField, parse_ladder
from synthcli.jobs.ladder.tables import multiplier_lines
from synthcli.jobs.parallel.work import Failure
from synthcli.presets import load_preset
from synthcli.runs import list_runs
from tests.jobs.reproducing import Told
from tests.tiny_presets import LANGUAGE_MODEL, write_words

WORDS = ("lm.toml", "wide=lm.toml: model.d_ff=48")
STEPS = "steps=2,4,8"


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    write_words(tmp_path / "words")
    (tmp_path / "lm.toml").write_text(LANGUAGE_MODEL)
    return tmp_path


def asked(ladder: str = STEPS, words: tuple[str, ...] = WORDS, **more: Any) -> CompareConfig:
    table: dict[str, Any] = {"seeds": 2, "ladder": parse_ladder(ladder)}
    return CompareConfig(tuple(parse_arms(words)), **{**table, **more})


def without_times(report: dict[str, Any]) -> str:
    """Return the ladder of a report without its clocks."""
    rungs = [
        {**rung, "arms": [{**row, "seconds": 0} for row in rung["arms"]]}
        for rung in report["ladder"]["rungs"]
    ]
    return json.dumps({**report["ladder"], "rungs": rungs})


def test_rungs_are_in_a_fair_order(here: Path) -> None:
    waiting = [run.name for run in prepare_ladder(asked("steps=8,2,4")).waiting]
    assert waiting == [
        f"{arm}, steps={steps}, seed {seed}"
        for seed in (0, 1)
        for steps in (2, 4, 8)
        for arm in ("lm", "wide")
    ]


def test_every_rung_ends_on_its_own_schedule(here: Path) -> None:
    for name, rung in check_ladder(asked("steps=10,20,40")).items():
        steps = int(name.removeprefix("steps="))
        for experiment in rung.experiments:
            assert experiment.training.steps == steps
            assert experiment.training.schedule.warmup_steps == steps // 2  # 1 of 2 in the preset


def test_settings_of_a_rung_count_last(here: Path) -> None:
    words = ("lm.toml", "wide=lm.toml: model.d_model=24 model.d_ff=48")
    (config, *_) = check_ladder(
        asked("model.d_model=32,64,128", words, overrides=("model.d_ff=12",))
    ).values()
    assert [(one.model.d_model, one.model.d_ff) for one in config.experiments] == [(32, 12), (32, 48)]


def test_a_size_is_a_factor_of_the_widths(here: Path) -> None:
    experiment = load_preset("lm.toml")  # 16 and 24, 2 heads
    ladder = parse_ladder("size=0.5,1,2.1")
    assert ladder == LadderField("size", ("0.5", "1", "2.1"))
    assert ladder.settings(experiment, "0.5") == ("model.d_model=8", "model.d_ff=12")
    assert ladder.settings(experiment, "2.1") == ("model.d_model=32", "model.d_ff=52")  # multiples of 4


def test_steps_of_equalised_arms_are_in_proportion(here: Path) -> None:
    words = ("lm.toml", "half=lm.toml: training.steps=1")
    (config, *_) = check_ladder(asked("steps=20,40,80", words, equal=("flops",))).values()
    assert [one.training.steps for one in config.experiments] == [20, 10]
    (config, *_) = check_ladder(asked("steps=20,40,80", words, equal=("parameters",))).values()
    assert [one.training.steps for one in config.experiments] == [20, 20]


@pytest.mark.slow
def test_a_ladder_is_filled_and_made_again(here: Path) -> None:
    told = Told()
    report = compare(prepare_ladder(asked()), here / "reports", told)
    assert len(told.ended) == 12 and len(list_runs()) == 12
    folder = here / "reports" / "ladder-steps-lm-wide"
    assert len([*(folder / "records").glob("*.json")]) == 12
    assert "## Ladder" in (folder / "report.md").read_text()
    assert "<h2>Ladder</h2>" in (folder / "report.html").read_text()
    assert report["contrasts"][0]["difference"] == report["ladder"]["rungs"][-1]["contrasts"][0]["difference"]

    (here / "runs").rename(here / "elsewhere")
    counted = prepare_ladder(asked(records=folder / "records"))
    assert not counted.waiting and counted.number_done == counted.total == 12
    again = compare(counted, here / "other", Told())
    assert without_times(again) == without_times(report) and not list_runs()
    _check_figures(report["ladder"])
    _check_diverged(counted)


def _check_diverged(comparison: LadderComparison) -> None:
    """A seed that diverged at a rung is out of the fits of its arm, and a rung where every seed did."""
    lowest, *_ = comparison.rungs.values()
    lowest.failures["wide"] = {1: Failure("wide, seed 1", "the loss is nan at step 2")}
    del lowest.records["wide"][1]
    report: dict[str, Any] = {}
    comparison.extend(report)
    assert report["ladder"]["rungs"][0]["arms"][1]["diverged"] == [1]
    assert [fit["seeds"] for fit in report["ladder"]["fits"]] == [("0", "1"), ("0",)]
    assert report["ladder"]["multipliers"][0]["seeds"] == ("0",)
    lowest.records["wide"].clear()
    comparison.extend(report)
    missing = "a fit takes 3 rungs with a run of every arm, and there are 2"
    assert report["ladder"]["fits"][1]["missing"] == missing == report["ladder"]["multipliers"][0]["missing"]
    assert report["ladder"]["rungs"][0]["contrasts"] == []
    assert multiplier_lines({**report, "baseline": "lm"}) == [f"wide: no compute multiplier, {missing}"]


def _check_figures(ladder: dict[str, Any]) -> None:
    """Hold the report's figures against its losses, with the formulas written out."""
    assert [[row["steps"] for row in rung["arms"]] for rung in ladder["rungs"]] == [[2] * 2, [4] * 2, [8] * 2]
    for rung in ladder["rungs"]:
        lm, wide = rung["arms"]
        assert lm["flops"] == pytest.approx(ladder["rungs"][0]["arms"][0]["flops"] * lm["steps"] / 2)
        assert wide["flops"] - lm["flops"] == 6 * (2 * 16 * 24 + 24) * 48 * 8 * lm["steps"]  # d_ff of 24 more
        difference = np.mean([wide["losses"][seed] - lm["losses"][seed] for seed in ("0", "1")])
        assert rung["contrasts"][0]["difference"] == pytest.approx(difference)
    p = [rung["contrasts"][0]["both"] for rung in ladder["rungs"]]
    least = min(p, key=lambda one: float(one["p"]))
    assert least["adjusted_p"] == pytest.approx(min(1.0, 3 * least["p"]))  # Holm over rungs
    sides = list(zip(*(rung["arms"] for rung in ladder["rungs"]), strict=True))
    expected = Ladder(
        np.array([[row["flops"] for row in side] for side in sides]),
        np.array([[[row["losses"][seed] for row in side] for seed in ("0", "1")] for side in sides]),
    ).multiplier(2)
    (found,) = ladder["multipliers"]
    assert expected is not None and found["rungs"][-1]["value"] == expected.value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("steps=1,2", "a ladder has 3 rungs or more, and `steps=1,2` has 2"),
        ("steps=1,2,2", "`--ladder steps=1,2,2` names 2 twice"),
        ("model.d_model=16,32,16.0", "`--ladder model.d_model=16,32,16.0` names 16.0 twice"),
        ("steps", "`--ladder steps` names no field and values"),
        ("=1,2,3", "`--ladder =1,2,3` names no field and values"),
        ("steps=1,,3", "`--ladder steps=1,,3` names no field and values"),
        ("steps=1,few,3", "`--ladder steps`: `few` is no number of steps"),
        ("training.steps=1,2.5,3", "`--ladder steps`: `2.5` is no number of steps"),
        ("steps=0,1,2", "`--ladder steps`: `0` is no number of steps"),
        ("size=1,2,nan", "`--ladder size`: `nan` is no factor of a width"),
    ],
)
def test_words_that_are_no_ladder(word: str, message: str) -> None:
    with pytest.raises(SynthError) as raised:
        parse_ladder(word)
    assert raised.value.message == message and raised.value.hint


@pytest.mark.parametrize(
    ("ladder", "more", "message", "hint"),
    [
        ("model.d_modl=16,32,48", {}, "rung `model.d_modl=16`", "synth presets show"),
        ("model.d_model=16,33,48", {}, "rung `model.d_model=33`: preset `lm.toml`", "synth presets show"),
        (
            "training.seed=1,2,3",
            {},
            "every rung of `training.seed` takes arm `lm` the same",
            "--ladder steps=",
        ),
        (
            STEPS,
            {"words": ("wmt14-vanilla", "wmt14-dense"), "scale": "smoke"},
            "a ladder is of a loss, and `accuracy` is",
            "--metric perplexity",
        ),
        ("size=1,2,3", {"equal": ("flops",)}, "`--equal` is of one size of each arm", "--ladder steps="),
        (STEPS, {"words": ("lm.toml",)}, "a noise floor is of one length and size", "leave `--ladder` out"),
    ],
)
def test_what_cannot_be_a_ladder(
    here: Path, ladder: str, more: dict[str, Any], message: str, hint: str
) -> None:
    words = more.pop("words", WORDS)
    config = CompareConfig(
        tuple(parse_arms(words, alone=len(words) == 1)), ladder=parse_ladder(ladder), **more
    )
    with pytest.raises(SynthError) as raised:
        check_ladder(config)
    assert raised.value.message.startswith(message) and hint in raised.value.hint
