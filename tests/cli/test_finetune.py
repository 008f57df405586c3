"""`synth finetune`: a language model that learns dialogue, and one that becomes a classifier, to the end."""

import json
from pathlib import Path

import pytest

from tests.data.small import ag_news, write
from tests.tiny_presets import LANGUAGE_MODEL, write_words

from .conftest import Synth, only

DIALOGUE = ["1 your persona: i read", "2 hello\thi you", "3 what do you read ?\tbooks ."]
SHORT = ("--set", "training.steps=2", "--set", "training.save_every=2")


@pytest.fixture
def model(synth: Synth, here: Path) -> Path:
    """The run of a language model, named as the preset it is a small one of."""
    write_words(here / "words")
    (here / "lm1b-dense.toml").write_text(LANGUAGE_MODEL)
    said = synth("train", "lm1b-dense.toml")
    assert said.code == 0, said.err
    return only(here, "lm1b-dense")


@pytest.mark.slow
def test_a_language_model_learns_dialogue(synth: Synth, model: Path, here: Path) -> None:
    for stem in ("train", "valid", "test"):
        write(here / "persona" / f"{stem}_self_original.txt", DIALOGUE)
    said = synth("finetune", "lm1b-dense", "--corpus", "personachat", "--source", "persona")
    assert said.code == 0, said.err
    assert "loaded 20 tensors of the checkpoint\n" in said.err and "new: " not in said.err
    run = only(here, "lm1b-dense-on-personachat")
    assert f"next: `synth eval perplexity {run.relative_to(here)}`" in said.err
    (result,) = json.loads(synth("eval", "perplexity", str(run), "--json").out)
    assert (result["samples"], result["corpus"], result["split"]) == (2, "personachat", "test")
    assert [figure["name"] for figure in result["figures"]] == [
        "perplexity",
        "perplexity_per_word",
        "bits_per_byte",
    ]
    written = synth("generate", str(run), "--prompt", "hello", "--max-length", "2", "--json")
    assert written.code == 0 and "hello" not in json.loads(written.out)["text"]
    assert synth("export", str(run), "--to", "safetensors", "-o", "out").code == 0


@pytest.mark.slow
def test_a_language_model_becomes_a_classifier(synth: Synth, model: Path, here: Path) -> None:
    ag_news(here / "news")
    words = ("--task", "classification", "--corpus", "ag-news", "--source", "news", "--freeze", "decoder")
    said = synth("finetune", "lm1b-dense", *words)
    assert said.code == 0, said.err
    assert "loaded 20 tensors of the checkpoint\nnew: head.output.weight, head.output.bias\n" in said.err
    run = only(here, "lm1b-dense-on-ag-news")
    assert "next: `synth eval accuracy " in said.err
    (result,) = json.loads(synth("eval", "accuracy", str(run), "--json").out)
    assert result["figures"][0]["name"] == "accuracy" and result["samples"] == 3
    config = json.loads((run / "checkpoints" / "last" / "config.json").read_text())
    assert (config["encoder"], config["head"]["pool"], config["num_classes"]) == (None, "last", 4)
    assert synth("export", str(run), "--to", "safetensors", "-o", "out").code == 0
    said = synth("finetune", str(run), "--corpus", "text", "--source", "words")
    assert said.code == 0 and "dropped: head.output.bias, head.output.weight" in said.err, said.err


@pytest.mark.slow
def test_the_newest_is_taken_and_a_scale_is_that_of_its_preset(synth: Synth, model: Path, here: Path) -> None:
    said = synth("finetune", "--corpus", "copy", *SHORT)
    assert said.code == 0, said.err
    assert f"checkpoint: `{model}/checkpoints/step-00000002`, the newest" in said.err
    said = synth("finetune", "--corpus", "reverse", "--scale", "smoke", *SHORT)
    assert said.code == 0, said.err
    assert "training settings: preset `lm1b-dense` at scale `smoke`\n" in said.err
    (config,) = here.glob("runs/lm1b-dense-on-reverse/*/preset.toml")
    assert 'scale = "smoke"' in config.read_text() and "warmup_steps = 20 " in config.read_text()


def test_a_run_of_no_preset_has_no_scales(synth: Synth, model: Path, here: Path) -> None:
    (here / "lm1b-dense.toml").rename(here / "mine.toml")
    assert synth("train", "mine.toml").code == 0
    said = synth("finetune", "mine", "--corpus", "copy", "--scale", "hour")
    assert said.code == 2
    assert said.err == (
        "error: `--scale` is one of a preset's, and no preset is called `mine`, "
        f"as run `{only(here, 'mine')}` is\n"
        "hint: name the preset whose settings to take: `--preset FILE`\n"
    )
    said = synth("finetune", "mine", "--corpus", "copy", "--preset", "lm1b-dense", "--scale", "smoke", *SHORT)
    assert said.code == 0, said.err
