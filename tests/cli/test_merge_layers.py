"""`synth merge-layers`, `synth heal` and `synth eval teacher-agreement` as a user types them."""

import json
from pathlib import Path

import pytest

from synthcli.compress.config import HealConfig
from synthcli.jobs.compress.heal import prepare, resume, run
from synthcli.jobs.train import Observer
from synthcli.training.events import Step
from synthcli.training.trainer import Callback, Trainer

from .conftest import Synth, only

pytestmark = pytest.mark.slow

QUICK = ("--steps", "4", "--limit", "24")


def test_half_the_depth_is_merged_healed_and_evaluated(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth("merge-layers", "--all-pairs", "--conditioned", "corrected", *QUICK)
    assert said.code == 0, said.err
    student = only(here, "teacher-merge-all-pairs")
    assert said.out.splitlines()[1].split()[:4] == ["layers", "start", "parameters", "after"]
    assert [line.split()[:2] for line in said.out.splitlines()[2:]] == [["0+1", "pooled"], ["2+3", "pooled"]]
    assert "whole model: 4 → 2 layers" in said.err
    account = json.loads((student / "results" / "compress.json").read_text())
    assert (account["layers"], account["conditioned"]) == ([1, 3], "corrected")
    assert all(one["nmse_after"] <= one["nmse_before"] for one in account["merges"])

    said = synth("heal", "--steps", "4", "--hidden", "0.5", "--json")
    assert said.code == 0, said.err
    of_student = f"checkpoint: `{student}/checkpoints/step-00000000`, the newest student that is not healed"
    assert said.err.startswith(of_student)
    assert json.loads(said.out)["layers"] == [1, 3]
    healed = only(here, "teacher-merge-all-pairs-healed")
    assert (healed / "checkpoints" / "last").resolve().name == "step-00000004"

    said = synth("eval", "teacher-agreement", "--limit", "2", "--json")
    assert json.loads(said.out)["students"][0]["checkpoint"] == str(healed / "checkpoints" / "step-00000004")
    assert f"checkpoint: `{healed}/checkpoints/step-00000004`, the newest student\n" in said.err
    said = synth("eval", "teacher-agreement", str(student), str(healed), "--reference", "teacher", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)["students"][1]
    figures = {figure["name"]: figure for figure in result["figures"]}
    assert list(figures) == [
        "kl", "teacher_top1", "teacher_top5", "teacher_top10", "accuracy", "teacher_accuracy",
        "reference_top1", "reference_top5", "reference_top10", "reference_accuracy", "neighbours",
    ]  # fmt: skip
    assert figures["teacher_top1"]["value"] == figures["reference_top1"]["value"]
    assert list(result["options"]["hidden_nmse"]) == ["1", "3"]
    assert (result["samples"], result["limit"], result["split"]) == (20, None, "test")  # long rows are two
    written = healed / "results" / "teacher-agreement.text.test.step-00000004.json"
    kept = json.loads(written.read_text())
    judged_by = kept["options"]["teacher"], kept["options"]["reference"]
    assert judged_by == (f"teacher/{teacher.name}/checkpoints/step-00000002",) * 2
    assert kept["checkpoint"] == f"{healed.parent.name}/{healed.name}/checkpoints/step-00000004"
    assert kept["figures"] == result["figures"]
    picture = student / "results" / "teacher-agreement.text.test.step-00000000.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_teacher_agrees_with_itself(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth("eval", "teacher-agreement", "teacher", "--teacher", "teacher", "--limit", "6")
    assert said.code == 0, said.err
    assert "6 sequences (the first 6 of 20)" in said.out
    row = said.out.splitlines()[2].split("  ")
    cells = [cell.strip() for cell in row if cell.strip()]
    assert cells[:5] == ["teacher", "0.000 ± 0.000", "100.0 ± 0.0", "100.0 ± 0.0", "100.0 ± 0.0"]
    errors = said.out.splitlines()[-1].split()
    assert errors == ["teacher", "0.000", "0.000", "0.000", "0.000"]


def test_the_best_of_all_starts_and_what_a_copy_is(synth: Synth, teacher: Path, here: Path) -> None:
    said = synth("merge-layers", "1", "2", "--init", "best", *QUICK)
    assert said.code == 0, said.err
    tried = [line for line in said.out.splitlines() if "(a trial)" in line]
    assert len(tried) == 7
    assert only(here, "teacher-merge-1-2").is_dir()
    said = synth("merge-layers", "0", "1", "--init", "copy-last", "--closed-form-only", "--limit", "8")
    assert "note: from `copy-last` layer 0 is dropped" in said.err and "LaCo" in said.err


def test_presets_merge_and_heal(synth: Synth, teacher: Path, here: Path) -> None:
    text = ("--teacher", "teacher", "--corpus", "text", "--max-length", "12", "--steps", "2", "--json")
    said = synth("merge-layers", "--preset", "bert-merge-2-3", "--scale", "smoke", *text)
    assert said.code == 0, said.err
    assert json.loads(said.out)["merges"][0]["layers"] == [2, 3]
    said = synth("heal", "bert-merge-2-3", "--preset", "bert-heal-merged", "--scale", "smoke", *text)
    assert said.code == 0, said.err
    preset = (only(here, "bert-merge-2-3-healed") / "preset.toml").read_text()
    assert "max_length = 12" in preset and "peak = 0.0001" in preset


class StopAt(Callback):
    """Interrupts a training after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, training: Trainer, step: Step) -> None:
        training.is_interrupted = step.step == self.step


def test_a_healing_that_was_interrupted_ends_with_the_same_bits(
    synth: Synth, teacher: Path, here: Path
) -> None:
    said = synth("merge-layers", "0", "1", "--closed-form-only", "--limit", "8")
    assert said.code == 0, said.err
    config = HealConfig(steps=6, hidden=0.3, train_only=("encoder.blocks.0.*",))
    job = prepare(config, "teacher-merge-0-1", Observer(print))
    whole = run(job, Observer(print))
    broken = run(job, Observer(print, training=lambda name: StopAt(3)))
    assert broken.outcome is not None and broken.outcome.is_interrupted
    said = synth("train", "--resume", str(broken.run.path))
    assert said.code == 2 and "`synth heal --resume" in said.err
    resumed = resume(None, Observer(print))
    assert resumed.run.path == broken.run.path
    for name in ("checkpoints/last/model.safetensors", "journal.jsonl"):
        assert (whole.run.path / name).read_bytes() == (resumed.run.path / name).read_bytes(), name
    before, after = (load(path) for path in (only(here, "teacher-merge-0-1"), whole.run.path))
    changed = {name for name, tensor in before.items() if not tensor.equal(after[name])}
    assert changed and all(name.startswith("encoder.blocks.0.") for name in changed)


def load(run: Path) -> dict:  # type: ignore[type-arg]
    from safetensors.torch import load_file

    return load_file(run / "checkpoints" / "last" / "model.safetensors")


MERGES = [
    (("0", "2"), "layers `0 2` are not neighbours in rising order, 2 to a group, such as `0 1`", "--help"),
    (("1",), "`1` is one layer, and merging takes two or more: name a neighbour too", "--help"),
    (("3", "4"), "there is no block 4: the model has 4 layers", "allowed: 0 to 3"),
    ((), "no layers are named", "--all-pairs"),
    (("0", "1", "--all-pairs"), "`0 1` and `--all-pairs` exclude each other", "leave one"),
    (("0", "1", "--init", "pool"), '`compress.start` = "pool" (from --init), allowed: `pooled`', "--help"),
    (("0", "1", "--heads", "5"), "`--heads 5`: the layers have 4 to choose from", "allowed: 1 to 4"),
    (("0", "1", "--d-ff", "49"), "`--d-ff 49`: the layers have 48 to choose from", "allowed: 1 to 48"),
    (("0", "1", "--init", "mean", "--heads", "1"), "keeps heads and neurons as they are", "pooled"),
    (("0", "1", "--conditioned", "me"), '`compress.conditioned` = "me" (from --conditioned)', "--help"),
    (("0", "1", "--teacher", "nobody"), "unknown teacher `nobody`", ""),
    (("0", "1", "--cache-limit", "1KB"), "and `--cache-limit` allows 1.0 KiB", "raise it"),
    (("--preset", "bert-heal-merged"), "is for `synth heal`", "`synth heal --preset bert-heal-merged`"),
    (("0", "1", "--closed-form-only", "--steps", "3"), "exclude each other", "leave one"),
]
HEALS = [
    ((), "there is no student of a teacher in `runs`", "`synth distill-block --block 0` makes one"),
    (("nobody",), "unknown checkpoint `nobody`", ""),
    (("teacher",), "does not say whose student it is", "--teacher RUN"),
    (
        ("teacher", "--teacher", "teacher", "--train-only", "encoder.block.*"),
        "`--train-only encoder.block.*` names no parameter",
        "encoder.blocks",
    ),
    (("--resume",), "no run is being healed", "begins one"),
    (("--resume", "--steps", "9"), "`--resume` goes on with the run's own settings", "leave them out"),
    (
        ("teacher", "--preset", "bert-merge-6-7"),
        "preset `bert-merge-6-7` is for `synth merge-layers`",
        "`synth merge-layers --preset bert-merge-6-7` makes its model",
    ),
    (("teacher", "--scale", "smoke"), "`--scale` belongs to a preset", "--preset"),
    (("teacher", "--teacher", "teacher", "--max-length", "99"), "`--max-length 99` does not fit", "3 to 16"),
]
JUDGES = [
    ((), "there is no student of a teacher in `runs`", "`synth distill-block --block 0` makes one"),
    (("teacher",), "does not say whose student it is", "--teacher RUN"),
    (("teacher", "--teacher", "teacher", "--beam", "2"), "`--beam` has no meaning", "leave it out"),
    (
        ("teacher", "--teacher", "teacher", "--split", "tests"),
        "unknown split `tests`",
        "did you mean `test`?",
    ),
    (("teacher", "--teacher", "teacher", "--picture", "a.bmp"), "`a.bmp` has no known ending", ".png"),
]


def test_mistakes_are_refused_and_nothing_is_written(synth: Synth, teacher: Path, here: Path) -> None:
    before = sorted(here.glob("runs/**/*"))
    for command, mistakes in (
        (("merge-layers",), MERGES),
        (("heal",), HEALS),
        (("eval", "teacher-agreement"), JUDGES),
    ):
        for words, message, hint in mistakes:
            limit = () if command == ("heal",) else ("--limit", "8")
            said = synth(*command, *words, *limit)
            assert said.code == 2, (command, words, said)
            assert message in said.err.splitlines()[-2], (words, said.err)
            assert hint in said.err.splitlines()[-1], (words, said.err)
            assert said.out == ""
    assert sorted(here.glob("runs/**/*")) == before


def test_hidden_states_of_layers_nobody_can_match_are_refused_before_there_is_a_run(
    synth: Synth, teacher: Path, here: Path
) -> None:
    assert synth("merge-layers", "0", "1", "--closed-form-only", "--limit", "8").code == 0
    student = only(here, "teacher-merge-0-1")
    (student / "results" / "compress.json").unlink()  # three layers of four, and no account of which
    before = sorted(here.glob("runs/**/*"))
    said = synth("heal", str(student), "--teacher", "teacher", "--hidden", "0.5", "--steps", "1")
    assert said.code == 2, said
    assert "`--hidden 0.5` compares layers, and nobody says which belong together" in said.err
    assert sorted(here.glob("runs/**/*")) == before
