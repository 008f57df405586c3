"""`--equal`: every arm has as much as the baseline of what is named, and no arm is made so silently."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.jobs.compare import step_seconds
from synthcli.jobs.compare.arms import parse_arms
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.equal import equalise, parse_equal
from synthcli.presets.planning import flops_of_sequence, parameters_of, plan_training
from tests.jobs.reproducing import Told

LONGER = "long=codeparrot-pre-norm: data.batch.size=8 model.decoder.max_length=64"
WIDE = "wide=lm1b-vanilla: model.d_model=96"


def equal(
    *what: str, words: tuple[str, ...] = ("lm1b-vanilla", WIDE), folder: Path = Path()
) -> CompareConfig:
    config = CompareConfig(tuple(parse_arms(words)), scale="smoke", equal=parse_equal(what))
    return equalise(config, folder, Told(), 2)


def test_nothing_is_changed_where_nothing_is_asked() -> None:
    config = CompareConfig(tuple(parse_arms(("lm1b-vanilla", WIDE))), scale="smoke")
    assert equalise(config, Path(), Told(), 2) is config


def test_parameters_are_met_by_the_feed_forward_width() -> None:
    baseline, arm = equal("parameters").experiments
    wanted, found = parameters_of(baseline).total, parameters_of(arm).total
    assert arm.model.d_model == 96 and arm.model.d_ff is not None and arm.model.d_ff % 8 == 0
    assert abs(found - wanted) <= 0.01 * wanted


def test_parameters_come_before_length() -> None:
    config = equal("flops", "parameters")
    assert config.equal == ("flops", "parameters")
    assert [one.partition("=")[0] for one in config.arms[1].overrides] == [
        "model.d_model",
        "model.d_ff",
        "training.steps",
        "training.schedule.warmup_steps",
    ]
    totals = [flops_of_sequence(one.model) * (one.training.steps or 0) for one in config.experiments]
    assert totals[1] == pytest.approx(totals[0], rel=0.01)


def test_tokens_are_sequences_times_their_length() -> None:
    baseline, arm = equal("tokens", words=("codeparrot-pre-norm", LONGER)).experiments
    tokens = [plan_training(one).max_tokens for one in (baseline, arm)]
    assert tokens[0] and tokens[1] == pytest.approx(tokens[0], rel=0.01)
    assert arm.training.steps != baseline.training.steps


def test_steps_are_those_of_the_baseline() -> None:
    words = ("lm1b-vanilla", "wmt14-vanilla")
    before = CompareConfig(tuple(parse_arms(words)), scale="smoke").experiments
    baseline, arm = equal("steps", words=words).experiments
    assert arm.training.steps == baseline.training.steps != before[1].training.steps
    shares = [one.training.schedule.warmup_steps / (one.training.steps or 1) for one in (before[1], arm)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)


def test_time_is_measured_once_and_travels_with_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def timed(experiments: dict[str, object], observer: object, rounds: int) -> dict[str, float]:
        measured.append(tuple(experiments))
        return {"lm1b-vanilla": 0.1, "wide": 0.2}

    monkeypatch.setattr(step_seconds, "time_task", timed)
    first = equal("time", folder=tmp_path / "one")
    baseline, arm = first.experiments
    assert 2 * (arm.training.steps or 0) == baseline.training.steps
    assert equal("time", folder=tmp_path / "one").arms == first.arms and len(measured) == 1
    there = replace(
        first, arms=tuple(parse_arms(("lm1b-vanilla", WIDE))), records=tmp_path / "one" / "records"
    )
    assert equalise(there, tmp_path / "two", Told(), 1).arms == first.arms and len(measured) == 1
    equal("time", words=("lm1b-vanilla", f"{WIDE} model.d_ff=96"), folder=tmp_path / "one")
    assert len(measured) == 2
    path = tmp_path / "one" / "records" / "equal.json"
    path.write_text(json.dumps({"seconds": 3}))
    with pytest.raises(SynthError, match="holds no times: it lacks `experiments`"):
        equal("time", folder=tmp_path / "one")


@pytest.mark.parametrize(
    ("what", "words", "message"),
    [
        (("tme",), ("lm1b-vanilla", WIDE), "`--equal tme`: nothing is called so"),
        (("time", "steps"), ("lm1b-vanilla", WIDE), "both say how long an arm trains"),
        (
            ("steps",),
            ("lm1b-vanilla", "a=lm1b-vanilla: training.steps=7"),
            "sets `training.steps`, and so would",
        ),
        (("parameters",), ("lm1b-vanilla", f"{WIDE} model.d_ff=64"), "sets `model.d_ff`, and so would"),
        (
            ("parameters",),
            ("lm1b-vanilla", "wide=lm1b-vanilla: model.d_model=512"),
            r"cannot have the [\d,]+ parameters of the baseline: with `model.d_ff=8` it has [\d,]+",
        ),
        (("parameters",), ("enwik8-pre-norm", "srupp-enwik8-base"), "it has no `d_ff` to change"),
        (
            ("tokens",),
            ("wmt14-vanilla", "b=wmt14-dense: data.batch.size=null data.batch.max_tokens=99"),
            "batches of `max_tokens`",
        ),
    ],
)
def test_what_cannot_be_made_equal_is_refused(
    what: tuple[str, ...], words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SynthError, match=message):
        equal(*what, words=words)
