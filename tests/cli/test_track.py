"""`--track`: refused before any work where it cannot be, and told what heal came to."""

import importlib.util
from pathlib import Path

import pytest

from synthcli.runs import Run
from tests.training.test_tracker_libraries import of_tensorboard

from .conftest import Synth, only

PLAN = ("`--track tensorboard` is for a training, and none is made", "leave it out")
UNKNOWN = ("unknown tracker `tensorbord`", "did you mean `tensorboard`?")
MISSING = ("`--track wandb` needs the package `wandb`", "`pip install 'synthcli[wandb]'`")
MISTAKES = {
    "a plan": (["train", "wmt14-dense", "--only-plan", "--track", "tensorboard"], PLAN),
    "an unknown one": (["train", "wmt14-dense", "--track", "tensorbord"], UNKNOWN),
    "train without the package": (["train", "wmt14-dense", "--track", "wandb"], MISSING),
    "finetune without the package": (["finetune", "x", "--corpus", "copy", "--track", "wandb"], MISSING),
    "heal without the package": (["heal", "x", "--track", "wandb"], MISSING),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_cannot_be_told_is_one_message(
    synth: Synth, here: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else name)
    words, (message, hint) = MISTAKES[case]
    said = synth(*words)
    assert (said.code, said.out, said.err) == (2, "", f"error: {message}\nhint: {hint}\n")
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_healing_tells_how_near_the_student_has_come(synth: Synth, here: Path, teacher: Path) -> None:
    few = ("--closed-form-only", "--limit", "24", "--teacher", str(teacher))
    assert synth("merge-layers", "1", "2", *few, "-o", "merged").code == 0
    said = synth(
        "heal", "merged", "--steps", "2", "--batch-size", "2", "--track", "tensorboard", "-o", "healed"
    )
    assert said.code == 0, said.err
    run = Run(only(here, "healed"))
    told, account = of_tensorboard(run, here), run.read_results()["compress"]
    for when in ("before", "after"):
        assert told[2][f"result/{when}.divergence"] == pytest.approx(account[when]["divergence"])
    assert told[1]["train/loss"] > 0 and run.sessions[-1]["trackers"] == ["tensorboard"]
