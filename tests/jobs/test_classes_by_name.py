"""A checkpoint keeps the names of its classes: whatever evaluates or goes on from it finds them by name."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.data.examples.class_matching import IN_ANOTHER_ORDER, UNKNOWN
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.evaluation.result import Result
from synthcli.jobs.evaluate.evaluate import EvaluationRequest, evaluate_checkpoint
from synthcli.jobs.finetune import model_for
from synthcli.jobs.train import Observer, resume_run, train_experiment
from synthcli.jobs.warm_start import start_from
from synthcli.model import ModelConfig, build
from synthcli.presets import load_preset
from synthcli.runs import find_run
from synthcli.training.checkpoints import load_checkpoint, write_model
from synthcli.training.weights import weights_of

NAMES = ("red", "green", "blue")
TABLE: dict[str, Any] = {
    "task": "classification",
    "vocab_size": 260,
    "num_classes": 3,
    "class_names": NAMES,
    "d_model": 12,
    "d_ff": 20,
    "mixer": {"heads": 3},
    "encoder": {"layers": 1, "max_length": 80},
}
QUIET = Observer(say=lambda line: None)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "stores"))
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path / "runs"))
    lines = ["text,colour", *(f"{'klmno'[n % 5] * (n % 9)} {n},{NAMES[n % 7 % 3]}" for n in range(30))]
    for name in ("train", "validation", "test"):
        path = tmp_path / "colours" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


def corpus(*names: str) -> str:
    return f"csv:text=text,label=colour,classes={'+'.join(names)}"


def written(folder: Path, **changes: Any) -> Path:
    """A checkpoint of weights so large that its answers differ."""
    config = ModelConfig.model_validate(TABLE | changes)
    torch.manual_seed(5)
    model = build(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    torch.nn.init.zeros_(model.head.output.bias)
    write_model(folder, config, weights_of(model), ByteTokenizer())
    return folder


def evaluated(checkpoint: Path, tmp_path: Path, *names: str, metric: str = "f1") -> Result:
    request = EvaluationRequest(metric, corpus=corpus(*names), source=tmp_path / "colours")
    return evaluate_checkpoint(checkpoint, request)


def test_the_order_of_a_corpus_classes_changes_no_figure(tmp_path: Path) -> None:
    checkpoint = written(tmp_path / "model")
    assert load_checkpoint(checkpoint).config.class_names == NAMES
    in_order = evaluated(checkpoint, tmp_path, *NAMES)
    turned = evaluated(checkpoint, tmp_path, "blue", "red", "green")
    assert in_order.figures == turned.figures and in_order.figures[0].value > 0
    assert (in_order.notes, turned.notes) == ((), (IN_ANOTHER_ORDER,))
    unnamed = written(tmp_path / "unnamed", class_names=None)
    wrong = evaluated(unnamed, tmp_path, "blue", "red", "green")
    assert evaluated(unnamed, tmp_path, *NAMES).figures == in_order.figures != wrong.figures
    assert wrong.notes == (UNKNOWN,)


@pytest.mark.parametrize("names", [NAMES, None])
def test_a_corpus_of_four_classes_does_not_pass_through_a_model_of_three(
    tmp_path: Path, names: tuple[str, ...] | None
) -> None:
    checkpoint = written(tmp_path / "model", class_names=names)
    with pytest.raises(SynthError) as error:
        evaluated(checkpoint, tmp_path, *NAMES, "white")
    name = corpus(*NAMES, "white")
    known = "`red`, `green`, `blue`"
    assert error.value.message == (
        f"`{name}` has the class `white`, and the model knows {known}"
        if names
        else f"`{name}` has 4 classes, {known}, `white`, and the model has 3, which nobody named"
    )


def test_what_a_head_has_learnt_of_a_class_is_found_by_its_name(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(written(tmp_path / "model"))
    theirs = checkpoint.weights["head.output.weight"]
    turned = build(ModelConfig.model_validate(TABLE | {"class_names": ("blue", "red", "green")}))
    report = start_from(turned, checkpoint)
    assert torch.equal(weights_of(turned)["head.output.weight"], theirs[[2, 0, 1]])
    assert not report.new and not report.dropped
    others = build(ModelConfig.model_validate(TABLE | {"class_names": ("red", "green", "white")}))
    before = weights_of(others)["head.output.weight"].clone()
    report = start_from(others, checkpoint)
    assert torch.equal(weights_of(others)["head.output.weight"], before)
    assert set(report.new) == set(report.dropped) == {"head.output.weight", "head.output.bias"}
    unnamed = build(ModelConfig.model_validate(TABLE | {"class_names": None}))
    assert not start_from(unnamed, checkpoint).new


def test_a_finetuned_model_takes_its_names_from_the_corpus() -> None:
    config = ModelConfig.model_validate(TABLE)
    found = model_for(config, "classification", config, "ag-news")
    assert (found.num_classes, found.class_names) == (4, None)  # the store will say


def test_a_training_names_its_classes_and_resumes_by_them(tmp_path: Path) -> None:
    settings = [
        "training.steps=2",
        "training.save_every=1",
        "training.schedule.warmup_steps=1",
        "training.validation_examples=4",
        'data.tokenizer.kind="bytes"',
        "data.tokenizer.vocab_size=260",
        f'data.source="{tmp_path / "colours"}"',
    ]
    own = [*settings, f'data.corpus="{corpus(*NAMES)}"']
    experiment = load_preset("agnews-dense", "smoke", None, own)
    trained = train_experiment(experiment, QUIET)
    assert load_checkpoint(trained.run.path).config.class_names == NAMES
    assert load_preset(str(trained.run.preset)).model.class_names == NAMES
    assert resume_run(trained.run, experiment, QUIET).outcome is None  # the same, and complete
    turned = load_preset("agnews-dense", "smoke", None, [*settings, f'data.corpus="{corpus(*NAMES[::-1])}"'])
    with pytest.raises(SynthError) as error:
        resume_run(trained.run, turned, QUIET)
    assert '`model.class_names`: ["red", "green", "blue"] → ["blue", "green", "red"]' in error.value.message
    preset = trained.run.preset
    text = preset.read_text()
    preset.write_text("\n".join(line for line in text.splitlines() if not line.startswith("class_names")))
    assert load_preset(str(preset)).model.class_names is None
    environment = trained.run.path / "environment.json"
    record = json.loads(environment.read_text())
    del record["preset"]["model"]["class_names"]
    environment.write_text(json.dumps(record))
    assert resume_run(find_run(trained.run.id), experiment, QUIET).outcome is None  # from before names


def test_classes_beyond_the_stores_are_named_by_number(tmp_path: Path) -> None:
    experiment = load_preset("agnews-dense", "smoke", None, ["model.num_classes=6"])
    model = experiment.fit_to_store(300, ("a", "b", "c", "d")).model
    assert model.class_names == ("a", "b", "c", "d", "class 4", "class 5")


@pytest.mark.parametrize("names", [("red", "green"), ("red", "red", "blue")])
def test_every_class_has_a_name_of_its_own(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="allowed: a name of its own for each class"):
        ModelConfig.model_validate(TABLE | {"class_names": names})
