"""`synth distill-block` as a user types it: on a teacher trained for a moment."""

import json
from pathlib import Path

import pytest

from synthcli.compress.config import DistillConfig
from synthcli.presets import load_preset

from .conftest import Synth, train_teacher

QUICK = ("--steps", "4", "--limit", "24")


@pytest.fixture
def teacher(synth: Synth, here: Path) -> Path:
    """The run of a BERT of three layers."""
    return train_teacher(synth, here, layers=3)


def students(here: Path) -> list[Path]:
    return sorted(path for path in here.glob("runs/*/*") if path.parent.name != "teacher")


@pytest.mark.slow
def test_a_student_is_made_saved_and_taken_by_other_commands(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth("distill-block", "--block", "2", *QUICK)
    assert said.code == 0, said.err
    (run,) = students(here)
    assert run.parent.name == "teacher-distil-block-2-attention"
    assert f"teacher: `{teacher.resolve()}/checkpoints/step-00000002`" in said.err
    assert "24 sequences of text, train to learn from, 3 of validation to evaluate on" in said.err
    head, *rows = said.out.splitlines()[1:]
    assert head.split() == [
        "block",
        "mixer",
        "start",
        "parameters",
        "after",
        "NMSE",
        "before",
        "after",
        "seconds",
    ]
    assert rows[0].startswith("2      attention 2 × 4")
    last = said.err.splitlines()[-1]
    assert last.startswith(f"next: `synth eval perplexity runs/{run.parent.name}/{run.name}`")

    result = json.loads((run / "results" / "compress.json").read_text())
    (block,) = result["blocks"]
    assert block["nmse_after"] <= block["nmse_before"]
    assert {trial["start"] for trial in block["trials"]} >= {"whitened-svd", "random"}
    assert result["model"]["parameters_after"] < result["model"]["parameters_before"]
    assert result["text"]["judged_by"]["sequences"] == 3

    (evaluated,) = json.loads(synth("eval", "perplexity", str(run), "--json").out)
    assert evaluated["checkpoint"].endswith(f"{run.name}/checkpoints/step-00000000")
    tuned = synth(
        "finetune", str(run), "--corpus", "text", "--source", str(here / "words"), "--set",
        "training.steps=1", "--set", "training.schedule.warmup_steps=0",
    )  # fmt: skip
    assert tuned.code == 0, tuned.err


def test_the_newest_encoder_is_the_teacher_and_never_a_student(
    synth: Synth, teacher: Path, here: Path
) -> None:
    for _ in range(2):
        said = synth("distill-block", "--block", "0", "--closed-form-only", "--limit", "8", "--json")
        assert said.code == 0, said.err
        assert str(teacher.resolve()) in json.loads(said.out)["teacher"]["absolute"]
        assert json.loads(said.out)["blocks"][0]["steps"] == 0


def test_all_blocks_one_after_another(synth: Synth, teacher: Path, here: Path) -> None:
    words = (
        "--block",
        "all",
        "--mixer",
        "linear",
        "--conditioned",
        "corrected",
        "--closed-form-only",
        "--json",
    )
    said = synth("distill-block", *words, "--limit", "16")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert [one["block"] for one in result["blocks"]] == [0, 1, 2]
    assert result["conditioned"] == "corrected"
    (run,) = students(here)
    assert run.parent.name == "teacher-distil-all-blocks-linear"


def test_a_dry_run_writes_nothing(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth("distill-block", "--block", "1", "--mixer", "srupp", "--dry-run")
    assert said.code == 0 and said.out.splitlines()[1].startswith("    1  srupp")
    assert said.err.splitlines()[-2] == "nothing was written"
    assert students(here) == []


def test_a_preset_is_distilled_from_a_teacher_named(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth(
        "distill-block", "--preset", "bert-distill-block-1-heads-1-dk-16", "--scale", "smoke", "--teacher",
        "teacher", "--corpus", "text", "--max-length", "12", "--json", *QUICK,
    )  # fmt: skip
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["blocks"][0]["mixer"] == "attention 1 × 16"
    (run,) = students(here)
    assert run.parent.name == "bert-distill-block-1-heads-1-dk-16"


PIPELINE = """\
extends = "bert-half-pipeline"
title = "All of it, for a moment"
[model.mixer]
heads = 2
d_head = 4
[model]
d_model = 16
[model.encoder]
layers = 3
[compress]
teacher = "teacher"
blocks = [0, 2]
steps = 2
batch_size = 8
sequence_length = 12
data = "text"
limit = 24
heal_steps = 3
"""


@pytest.mark.slow
def test_a_pipeline_probes_distills_and_heals(synth: Synth, teacher: Path, here: Path) -> None:
    (here / "pipe.toml").write_text(PIPELINE)
    said = synth("distill-block", "--preset", "pipe.toml", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert [one["block"] for one in result["distil"]["blocks"]] == [0, 2]
    assert result["distil"]["conditioned"] == "corrected"
    assert result["probe"]["layers"] == [0, 2]
    assert (teacher / "results" / "probe.json").exists()
    assert [path.parent.name for path in students(here)] == ["pipe", "pipe-healed"]
    (evaluated,) = json.loads(synth("eval", "perplexity", "pipe-healed", "--json").out)
    assert evaluated["step"] == 3


def test_options_of_the_training_are_kept_with_the_student(synth: Synth, teacher: Path, here: Path) -> None:
    words = ("--criterion", "l1", "--weight-decay", "0.01", "--betas", "0.8", "0.95", "--warmup", "0.25")
    said = synth("distill-block", "--block", "1", *words, "--dropout", "0.1", *QUICK, "--json")
    assert said.code == 0, said.err
    (run,) = students(here)
    made = load_preset(str(run / "preset.toml")).compress
    assert isinstance(made, DistillConfig)
    assert (made.criterion, made.weight_decay, made.betas) == ("l1", 0.01, (0.8, 0.95))
    assert (made.warmup, made.dropout, made.steps, made.limit) == (0.25, 0.1, 4, 24)


MISTAKES = [
    (("--block", "6"), "there is no block 6: the model has 3 layers", "allowed: 0 to 2"),
    (("--block", "two"), "`--block two` is neither a layer nor `all`", "counted from 0"),
    (("--block", "1", "--block", "1"), "block 1 is named twice, name every block once", "--help"),
    ((), "no block is named", "--block all"),
    (("--block", "1", "--mixer", "sruu"), "unknown mixer `sruu`", "did you mean"),
    (
        ("--block", "1", "--mixer", "sru", "--heads", "2"),
        "`--heads 2` has no meaning for `--mixer sru`",
        "leave",
    ),
    (
        ("--block", "1", "--heads", "0"),
        "`compress.heads` = 0 (from --heads), allowed: a whole number > 0",
        "`synth distill-block --help`",
    ),
    (
        ("--block", "1", "--criterion", "mes"),
        '`compress.criterion` = "mes" (from --criterion), allowed: `mse` or `l1` or `mse-scores` or',
        "`synth distill-block --help`",
    ),
    (("--block", "1", "--start", "svd"), '`compress.start` = "svd" (from --start), allowed: `whitened', ""),
    (("--block", "1", "--conditioned", "me"), '`compress.conditioned` = "me" (from --conditioned)', ""),
    (
        ("--block", "1", "--mixer", "linear", "--dropout", "0.1"),
        "`--dropout 0.1` is that of maps of attention, and the student has none",
        "leave it out",
    ),
    (
        ("--block", "1", "--d-k", "8", "--dropout", "0.1", "--criterion", "mse-scores"),
        "criterion `mse-scores` reads maps before anything is dropped",
        "leave `--dropout` out",
    ),
    (
        ("--block", "1", "--set", "compress.clp=2"),
        "`compress.clp` (from --set) is no key; did you mean `clip`",
        "",
    ),
    (("--block", "1", "--set", "model.d_model=2"), "`model` (from --set) is no key; known: `compress`", ""),
    (("--block", "1", "--teacher", "nobody"), "unknown teacher `nobody`", ""),
    (("--block", "1", "--cache-limit", "1KB"), "and `--cache-limit` allows 1.0 KiB", "raise it"),
    (("--block", "1", "--cache-limit", "much"), "`--cache-limit much` is no size", "4GB"),
    (("--block", "1", "--scale", "smoke"), "`--scale` belongs to a preset", "--preset"),
    (
        ("--preset", "bert-merge-0-1"),
        "is for `synth merge-layers`",
        "`synth merge-layers --preset bert-merge-0-1`",
    ),
    (("--preset", "wmt14-dense"), "preset `wmt14-dense` has no `[compress]`", "`synth train wmt14-dense`"),
    (("--block", "1", "--closed-form-only", "--steps", "3"), "exclude each other", "leave one"),
    (
        ("--block", "1", "--heads", "1", "--criterion", "ce-scores"),
        "compares heads one by one, and the student has 1, the teacher 2",
        "use `--criterion relation`",
    ),
    (
        ("--block", "1", "--mixer", "linear", "--criterion", "ce-scores"),
        "criterion `ce-scores` compares maps of attention, and the student's mixer is `linear`",
        "use `--criterion mse`",
    ),
    (
        ("--block", "1", "--criterion", "relation", "--relation-heads", "5"),
        "5 relation heads do not divide the 16 columns of the teacher",
        "leave the number out",
    ),
    (
        ("--block", "1", "--heads", "4", "--start", "whitened-svd"),
        "`--heads 4` is more than the teacher's 2 in block 1",
        "allowed: 1 to 2",
    ),
    (("--block", "1", "--max-length", "99"), "`--max-length 99` does not fit the teacher", "3 to 16"),
    (
        ("--block", "1", "--corpus", "copy"),
        "`copy` holds pairs, and a teacher reads text",
        "name one of text",
    ),
]


def test_mistakes_are_refused_and_nothing_is_written(synth: Synth, teacher: Path, here: Path) -> None:
    before = sorted(here.glob("runs/**/*"))
    for words, message, hint in MISTAKES:
        said = synth("distill-block", *words, "--limit", "8")
        assert said.code == 2, (words, said)
        assert f"error: {message}" in said.err or message in said.err.splitlines()[-2], (words, said.err)
        assert hint in said.err.splitlines()[-1], (words, said.err)
        assert said.out == ""
    assert sorted(here.glob("runs/**/*")) == before


@pytest.mark.slow
def test_a_student_that_does_not_learn_ends_the_command(synth: Synth, teacher: Path, here: Path) -> None:
    words = ("--mixer", "linear", "--start", "random", "--lr", "1e-9", "--steps", "200", "--limit", "8")
    said = synth("distill-block", "--block", "1", *words)
    assert said.code == 1, said.err
    assert "the student of encoder.1.mixer-out does not learn: NMSE" in said.err
    assert students(here) == []
