"""A user's mistake: one message, one hint, exit code 2, nothing written."""

from pathlib import Path

import pytest

from .conftest import Synth

MISTAKES = {
    "unknown preset": (
        ["train", "wmt14-dens"],
        "error: no preset is called `wmt14-dens`\nhint: did you mean `wmt14-dense`?\n",
    ),
    "unknown preset after a good one": (
        ["train", "wmt14-dense", "wmt14-dens", "--scale", "smoke"],  # nothing is trained
        "error: no preset is called `wmt14-dens`\nhint: did you mean `wmt14-dense`?\n",
    ),
    "no preset": (
        ["train"],
        "error: no preset is named\nhint: list them with `synth presets ls`, or resume with `--resume`\n",
    ),
    "unknown scale": (
        ["train", "wmt14-dense", "--scale", "smok"],
        "error: `wmt14-dense` has no scale `smok`\nhint: did you mean `smoke`?\n",
    ),
    "unknown corpus": (
        ["prepare-corpus", "multi30"],
        "error: unknown corpus `multi30`\nhint: did you mean `multi30k`?\n",
    ),
    "unknown metric": (
        ["eval", "blue"],
        "error: unknown metric `blue`\nhint: did you mean `bleu`?\n",
    ),
    "no checkpoint": (
        ["eval", "bleu"],
        (
            "error: there is no checkpoint of a seq2seq model in `runs`\n"
            "hint: `synth train PRESET` makes a run with one\n"
        ),
    ),
    "unknown checkpoint": (
        ["finetune", "nowhere", "--corpus", "copy"],
        "error: unknown checkpoint `nowhere`\nhint: `synth train PRESET` makes a run with one\n",
    ),
    "nothing to resume": (
        ["train", "--resume"],
        "error: there are no runs in `runs`\nhint: `synth train PRESET` makes one\n",
    ),
    "no such scale of the whole": (
        ["reproduce", "--scale", "smok"],
        "error: there is no scale `smok`\nhint: did you mean `smoke`?\n",
    ),
    "a key within keys": (
        ["train", "wmt14-dense", "--set", "a." * 101 + "b=1"],
        f"error: `--set {'a.' * 101}b=1` names 102 keys within each other\nhint: no key is so deep\n",
    ),
    "no folder of the corpus": (
        ["reproduce", "--scale", "hour", "--data", "data"],
        "error: `data` holds no folder for the corpus `wmt14-en-de`\nhint: make `data/wmt14-en-de` with ",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_with_a_hint(name: str, synth: Synth, here: Path) -> None:
    words, message = MISTAKES[name]
    said = synth(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith(message) if not message.endswith("\n") else said.err == message
    assert list(here.iterdir()) == []


def test_all_errors_of_a_preset_come_at_once(synth: Synth, here: Path) -> None:
    said = synth("train", "wmt14-dense", "--set", "model.d_modle=3", "--set", "training.clip=-1")
    assert said.code == 2
    assert "`wmt14-dense` has 2 problems" in said.err
    assert "did you mean `d_model`" in said.err and "training.clip" in said.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "word"),
    [(lambda b: b[: len(b) // 2], "cut"), (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "flipped")],
)
def test_a_damaged_checkpoint_is_refused_by_name(
    damage, word: str, synth: Synth, tiny: str, here: Path
) -> None:
    assert synth("train", tiny).code == 0
    (weights,) = here.glob("runs/tiny/*/checkpoints/step-00000006/model.safetensors")
    weights.write_bytes(damage(weights.read_bytes()))
    said = synth("eval", "bleu")
    assert said.code == 2, word
    assert "model.safetensors" in said.err.splitlines()[1] and said.err.splitlines()[2].startswith("hint: ")


def test_a_damaged_store_is_refused_by_name(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("prepare-corpus", "reverse").code == 0
    shard = next(here.glob("stores/reverse.*/train/*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-1])
    said = synth("train", tiny)
    assert said.code == 2 and shard.name in said.err
    assert not (here / "runs").exists()


def test_a_metric_that_does_not_fit_is_refused_before_training(synth: Synth, tiny: str, here: Path) -> None:
    said = synth("train", tiny, "--set", 'evaluation.metrics=["rouge"]', "--set", "data.corpus=stdlib-topics")
    assert said.code == 2
    assert not (here / "runs").exists() and not (here / "stores").exists()


def test_a_resume_on_changed_data_is_refused(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("train", tiny).code == 0
    (run,) = (here / "runs" / "tiny").iterdir()
    (run / "finished.json").unlink()
    environment = run / "environment.json"
    (store,) = here.glob("stores/reverse.*")
    from synthcli.data.store import open_store

    environment.write_text(environment.read_text().replace(open_store(store).hash, "0" * 64))
    said = synth("train", tiny, "--resume")
    assert said.code == 2 and "was trained on another store than" in said.err
