"""`synth tune` and `synth compare --tune` as they are typed: tables, warnings, what is refused."""

import json
from pathlib import Path

import pytest

from .conftest import Synth

PEAK = ("--over", "training.schedule.peak=1e-4..1e-1")
FEW = ("--trials", "2", "--jobs", "1")
ARMS = ("tiny.toml", "fast=tiny.toml: training.clip=0.5")
SEVERAL = "write `KEY=LOW..HIGH`, say `training.schedule.peak=1e-4..1e-2`, or `KEY=A|B|C`"


def test_a_plan_says_where_it_looks_and_trains_nothing(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("tune", "tiny.toml", *PEAK, "--trials", "4", "--plan")
    assert said.code == 0 and "trials to make" in said.out and "0.00562" in said.out
    assert not (here / "runs").exists()
    plan = json.loads(synth("tune", "tiny.toml", *PEAK, "--trials", "4", "--plan", "--json").out)
    assert plan["trials"] == 4 and plan["runs"] == 4 and plan["hours"] is None
    assert plan["points"][0] == {"training.schedule.peak": 0.001}
    halved = synth("tune", "tiny.toml", *PEAK, "--trials", "4", "--plan", "--json", "--halving")
    assert json.loads(halved.out)["runs"] == pytest.approx(4 / 6 + 2 / 6 + 4 / 6)  # rungs 1, 2, 6 of 6


@pytest.mark.slow
def test_a_tuning_says_its_best_warns_at_the_edge_and_names_what_uses_it(
    synth: Synth, tiny: str, here: Path
) -> None:
    said = synth("tune", "tiny.toml", *PEAK, *FEW)
    assert said.code == 0, said.err
    assert "2 *" in said.out and "Expected validation loss of the best of k trials" in said.out
    assert "warning: arm `tiny` is best at the highest `training.schedule.peak` that was tried" in said.err
    assert "try `--over training.schedule.peak=0.0001..1`" in said.err.replace("\n", " ")
    assert "wrote `reports/tune-tiny`" in said.err
    assert "next: `synth train tiny.toml --set training.schedule.peak=0.0316`" in said.err.replace("\n", " ")
    report = json.loads(synth("tune", "tiny.toml", *PEAK, *FEW, "--json").out)
    assert report["tuning"]["arms"][0]["best"]["values"] == {"training.schedule.peak": 0.0316}
    assert len(list(here.glob("runs/tiny/*"))) == 2


@pytest.mark.slow
def test_a_comparison_tunes_its_arms_first(synth: Synth, tiny: str, here: Path) -> None:
    tuned = ("--tune", "training.schedule.peak=1e-4..1e-1", *FEW, "--seeds", "1", "--halving")
    plan = json.loads(synth("compare", *ARMS, *tuned, "--plan", "--json").out)
    assert [(row["trials"], row["missing"]) for row in plan["arms"]] == [(2, 1), (2, 1)]
    said = synth("compare", *ARMS, *tuned)
    assert said.code == 0, said.err
    assert "fast, 2 trials, * the best" in said.out and "stopped at step 1" in said.out
    assert "try `--tune training.schedule.peak=0.0001..1`" in said.err.replace("\n", " ")
    folder = here / "reports" / "compare-tiny-fast"
    report = json.loads((folder / "report.json").read_text())
    assert [arm["learning_rate"] for arm in report["arms"]] == [0.0316, 0.0316]
    assert "## Tuning" in (folder / "report.md").read_text()
    assert "<h2>Tuning</h2>" in (folder / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("over", "message", "hint"),
    [
        ("training.clip", "`--over training.clip` names no key and range", SEVERAL),
        ("training.clip=3", "is no range and no choice of different values", SEVERAL),
        ("training.clip=1|1", "is no range and no choice of different values", SEVERAL),
        ("training.clip=x..1", "`x` is no number", SEVERAL),
        ("training.clip=0..inf", "`inf` is no number", SEVERAL),
        ("training.clip=2..1", "2 is not below 1", "write the lower end first: `training.clip=1..2`"),
        ("training.clip=1..1", "1 is not below 1", SEVERAL),
        ("training.clip=0..1:log", "on a scale of logarithms 0 has no place", "`training.clip=0..1:linear`"),
        ("training.clip=0..1:lgo", "unknown scale `lgo`", "did you mean `log`?"),
        ("training.clp=0..1", "arm `tiny` has no setting `training.clp`", "did you mean `clip`?"),
        (
            "training.schedule.factor=1..2",
            "has no setting `training.schedule.factor`: its `training.schedule` is of kind `constant`",
            "known: `kind`, `peak`, `warmup_steps`",
        ),
        ("training.optimizer=0..1", "is a table", "name a setting of it, `training.optimizer.…`"),
        ("model.activation=0..1", "and has no range", "`--over 'model.activation=A|B'`"),
        ("training.seed=1..9", "it is equal for all trials", "`--set` gives it to all of them"),
        ("training.save_every=1..9", "it does not reach the weights", "name a setting of the model"),
        ("data.corpus=copy|reverse", "validation losses of different data", "compare arms that differ in it"),
        ("model.mixer.heads=1..2", "8 trials are asked for, and there are 2", "`--trials 2` tries them all"),
        ("model.mixer.heads=1.5..9", "is a whole number", "`--over model.mixer.heads=2..9`"),
        ("model.mixer.heads=1..16", "with model.mixer.heads=", "name only what fits"),
        ("training.label_smoothing=0..3", "allowed: a number ≥ 0 and < 1", "name only what fits"),
        ("model.activation=gelu|relo", "there are 2 different points", "`--trials 2`"),
    ],
)
def test_a_mistake_is_one_message(over: str, message: str, hint: str, synth: Synth, tiny: str) -> None:
    said = synth("tune", "tiny.toml", "--over", over)
    assert said.code == 2 and "Traceback" not in said.err
    shown = " ".join(said.err.split())
    assert message in shown and hint in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tune", "tiny.toml"), "missing option '--over'"),
        (("tune", "tiny.toml", *PEAK, "--trials", "1"), "invalid value for '--trials'"),
        (("tune", "tiny.toml", *PEAK, *PEAK), "`--over` names `training.schedule.peak` twice"),
        (
            ("tune", "tiny.toml", *PEAK, "--set", "training.schedule.peak=1e-3"),
            "`--set training.schedule.peak=1e-3` sets what `--over` is to find",
        ),
        (
            ("tune", "tiny.toml", "--over", "model.activation=gelu|relo", "--trials", "2"),
            'with model.activation=relo: preset `tiny.toml`: `model.activation` = "relo"',
        ),
        (
            ("compare", *ARMS, "--tune", "training.clip=0..1"),
            "arm `fast` sets `training.clip=0.5`, and `--tune` is to find it",
        ),
        (
            (
                "compare",
                "tiny.toml",
                "n=tiny.toml: model.mixer.kind=linear",
                "--tune",
                "model.mixer.heads=1|2",
            ),
            "arm `n`",
        ),
        (("compare", *ARMS, "--halving"), "`--halving` is of `--tune`"),
        (("compare", *ARMS, "--trials", "4"), "`--trials` is of `--tune`"),
        (("compare", "tiny.toml", "--noise-floor", "--tune", "training.clip=0..1"), "a noise floor is of"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: tuple[str, ...], message: str, synth: Synth, tiny: str
) -> None:
    said = synth(*words)
    assert said.code == 2 and "Traceback" not in said.err
    assert message in " ".join(said.err.split())


def test_a_run_is_not_tuned(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("train", tiny).code == 0
    (run,) = here.glob("runs/tiny/*")
    said = synth("tune", str(run), *PEAK)
    assert said.code == 2 and "`--over` is for presets, and a run is trained already" in said.err
    said = synth("compare", str(run), str(run.resolve()), "--tune", "training.clip=0..1")
    assert said.code == 2
