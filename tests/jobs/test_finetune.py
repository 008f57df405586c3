"""What a checkpoint becomes: its stacks stay, also their fixed matrices; a new head is the corpus's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.jobs.finetune import TASK_OF_KIND, model_for, task_for, validate_adapted
from synthcli.jobs.warm_start import start_from
from synthcli.model import ModelConfig, build
from synthcli.presets import load_preset
from synthcli.presets.compatibility import KINDS_OF_TASK

SIZES = {"vocab_size": 30, "d_model": 12, "d_ff": 20, "mixer": {"heads": 3}}
STACK = {"layers": 2, "max_length": 8}


def model(**table: Any) -> ModelConfig:
    return ModelConfig.model_validate({**SIZES, **table})


MASKED = model(task="masked-lm", encoder=STACK, head={"bias": True, "transform": True})
CLASSIFIER = model(
    task="classification", encoder=STACK, num_classes=7, head={"pool": "first", "pooler": True}
)


@pytest.mark.parametrize(
    ("corpus", "output", "classes"),
    [("ag-news", "classes", 4), ("glue-stsb", "regression", None), ("superglue-copa", "choice", None)],
)
def test_a_new_classifier_answers_what_the_corpus_asks(corpus: str, output: str, classes: int | None) -> None:
    found = model_for(MASKED, "classification", CLASSIFIER, corpus)
    assert (found.head.output, found.num_classes) == (output, classes)
    assert (found.head.pool, found.head.pooler, found.head.transform) == ("first", True, False)


def test_a_classifier_keeps_its_head_on_another_corpus() -> None:
    plain = model(task="classification", encoder=STACK, num_classes=2)
    assert model_for(CLASSIFIER, "classification", plain, "glue-stsb").head.pooler


def test_without_a_like_model_a_new_head_is_plain() -> None:
    found = model_for(MASKED, "classification", MASKED, "ag-news")
    assert not found.head.transform and not found.head.bias and not found.head.pooler


def test_a_language_model_keeps_its_head() -> None:
    assert model_for(MASKED, "masked-lm", CLASSIFIER, "wikitext-2").head == MASKED.head


def test_what_lacks_a_stack_is_refused() -> None:
    with pytest.raises(SynthError, match="a `masked-lm` model has no decoder, which `causal-lm` needs"):
        model_for(MASKED, "causal-lm", MASKED, "wikitext-2")


def test_the_task_stays_where_the_corpus_serves_it() -> None:
    assert task_for("masked-lm", "text") == "masked-lm"
    assert task_for("masked-lm", "scored") == "classification"
    assert task_for("seq2seq", "text") == "causal-lm"
    assert TASK_OF_KIND.keys() == {kind for kinds in KINDS_OF_TASK.values() for kind in kinds}


def test_fixed_matrices_are_loaded_too() -> None:
    """What has learnt beside a matrix drawn by chance means nothing beside another."""
    fixed = {"kind": "residual", "init": "orthogonal"}
    config = model(task="masked-lm", encoder=STACK, mixer={"heads": 3, "value": fixed, "output": fixed})
    theirs, ours = build(config), build(config)
    weights = theirs.state_dict()
    checkpoint: Any = SimpleNamespace(config=config, weights=weights, path=Path("nowhere"))
    report = start_from(ours, checkpoint)
    assert not report.new
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], rtol=0, atol=0)


def test_settings_that_do_not_fit_the_new_head_are_named() -> None:
    base = load_preset("glue-stsb-dense").model_dump()
    base["training"]["label_smoothing"] = 0.1
    with pytest.raises(SynthError) as error:
        validate_adapted(base)
    assert error.value.message == (
        '`training.label_smoothing = 0.1` spreads a target over classes, and `head.output = "regression"` '
        "has none; set it to 0"
    )
