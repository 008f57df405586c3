"""From a model and a store to scores: batches, order and limits change nothing but what they name."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sacrebleu.metrics import BLEU
from scipy import stats

from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError, WorkFailedError
from synthcli.evaluation import measure as measuring
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.measure import EvaluationJob, evaluate_metric, generate_outputs, refuse_headless
from synthcli.model import ModelConfig, build
from synthcli.objectives import OBJECTIVES
from synthcli.progress import no_progress

from ..data.small import BYTES, ag_news, multi30k, wikitext
from ..data.small import write as write_lines

LONGEST = 64
LINES = [" = A page = ", "", *(f" line {'word ' * (n % 9)}{n}" for n in range(12)), " long " * 30]
CORPORA: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "causal-lm": ("wikitext-2", lambda folder: wikitext(folder, LINES)),
    "seq2seq": ("multi30k", multi30k),
    "classification": ("ag-news", ag_news),
}


@pytest.fixture(scope="module")
def all_examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examples]:
    """The training split of a small corpus for each task."""
    folder = tmp_path_factory.mktemp("evaluation")
    stores = {
        task: prepare_store(corpus, BYTES, folder / "stores", write(folder / corpus))
        for task, (corpus, write) in CORPORA.items()
    }
    return {task: Examples(store, "train", task, LONGEST, LONGEST) for task, store in stores.items()}


def model_for(task: str, **more: Any) -> torch.nn.Module:
    torch.manual_seed(4)
    stacks = {"causal-lm": ("decoder",), "seq2seq": ("encoder", "decoder"), "classification": ("encoder",)}
    config = {
        "task": task,
        "vocab_size": 260,
        "num_classes": 4 if task == "classification" else None,
        "d_model": 16,
        "d_ff": 32,
        "mixer": {"heads": 2, "scores": [{"kind": "random"}, {"kind": "dot-product"}]},
        **{stack: {"layers": 1, "max_length": LONGEST} for stack in stacks[task]},
        **more,
    }
    model = build(ModelConfig.model_validate(config)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)  # so large that texts differ
    return model


def make_job(examples: Examples, model: torch.nn.Module | None = None, **options: object) -> EvaluationJob:
    chosen = options.pop("chosen", np.arange(len(examples)))
    settings = {"metrics": ["accuracy"], "beam": 2, "max_length": 12, **options}
    model = model or model_for(examples.task)
    config = EvaluationConfig.model_validate(settings)
    return EvaluationJob(model, examples.store.tokenizer, examples, config, chosen, no_progress)


@pytest.mark.parametrize("task", ["causal-lm", "seq2seq"])
def test_perplexity_is_of_the_objective_over_all_targets(
    all_examples: dict[str, Examples], task: str
) -> None:
    examples, model = all_examples[task], model_for(task)
    batch = examples.collate(np.arange(len(examples)))
    loss, targets = OBJECTIVES[task](model, batch, 0.0)
    by_token = evaluate_metric("perplexity", make_job(examples, model))[0]
    assert by_token.value == pytest.approx(math.exp(loss.item() / targets), rel=1e-12)
    assert by_token.sampled.statistics[:, 1].sum() == targets


def test_perplexities_by_word_and_byte_divide_by_what_the_store_counted(
    all_examples: dict[str, Examples],
) -> None:
    examples = all_examples["causal-lm"]
    by_token, by_word, by_byte = evaluate_metric("perplexity", make_job(examples))
    nats = by_token.sampled.statistics[:, 0].sum()
    assert by_word.value == pytest.approx(math.exp(min(700, nats / examples.counts["words"])))
    assert by_byte.value == pytest.approx(nats / math.log(2) / examples.counts["bytes"])
    assert [score.higher_is_better for score in (by_token, by_word, by_byte)] == [False] * 3


@pytest.mark.parametrize("task", ["causal-lm", "seq2seq"])
@pytest.mark.parametrize("logits", [1, 100 * 260, 2**26])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_perplexity_does_not_depend_on_batches(
    all_examples: dict[str, Examples],
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    logits: int,
    batch_size: int,
) -> None:
    want = evaluate_metric("perplexity", make_job(all_examples[task]))[0].sampled.statistics
    monkeypatch.setattr(measuring, "LOGITS", logits)
    found = evaluate_metric("perplexity", make_job(all_examples[task], batch_size=batch_size))[
        0
    ].sampled.statistics
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("beam", [1, 3])
def test_texts_come_back_in_the_order_of_the_split(all_examples: dict[str, Examples], beam: int) -> None:
    examples = all_examples["seq2seq"]
    together = generate_outputs(make_job(examples, beam=beam))
    assert together == generate_outputs(make_job(examples, beam=beam, batch_size=3))
    some = np.array([5, 0, 11])
    assert generate_outputs(make_job(examples, beam=beam, chosen=some)) == [together[i] for i in some]
    assert len(set(together)) > 3


@pytest.fixture
def uneven(tmp_path: Path) -> Examples:
    """Sources of 1 to 40 bytes, so that a batch pads nearly all of them."""
    for stem, rows in {"train": 8, "val": 1, "test_2016_flickr": 1}.items():
        write_lines(tmp_path / f"{stem}.en", [chr(97 + n) * (1 + 5 * n) for n in range(rows)])
        write_lines(tmp_path / f"{stem}.de", [f"Zeile {n}" for n in range(rows)])
    store = prepare_store("multi30k", BYTES, tmp_path / "stores", tmp_path)
    return Examples(store, "train", "seq2seq", LONGEST, LONGEST)


def test_a_text_does_not_depend_on_the_sources_beside_it(
    uneven: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = generate_outputs(make_job(uneven, batch_size=1))
    assert generate_outputs(make_job(uneven, batch_size=8)) == alone
    translate = measuring.translate
    monkeypatch.setattr(
        measuring, "translate", lambda model, source, padding, how: translate(model, source, None, how)
    )
    assert generate_outputs(make_job(uneven, batch_size=8)) != alone  # else paddings would show nothing here


def test_the_longest_come_first_and_few_enough(uneven: Examples) -> None:
    """What does not fit the memory fails at once; a batch of one example is as small as it gets."""
    lengths = uneven.lengths
    for bound, size in ((None, 3), (int(lengths.max()) * 2, 2), (1, 1)):
        batches = list(make_job(uneven, batch_size=3).batches(bound))
        assert len(batches[0]) == size
        assert lengths[batches[0]].max() == lengths.max()
        assert sorted(np.concatenate(batches)) == list(range(len(uneven)))


def test_rouge_is_by_the_tokenizer_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stem in ("train", "val", "test_2016_flickr"):
        write_lines(tmp_path / f"{stem}.en", ["cat"])
        write_lines(tmp_path / f"{stem}.de", ["猫"])
    store = prepare_store("multi30k", BYTES, tmp_path / "stores", tmp_path)
    examples = Examples(store, "train", "seq2seq", LONGEST, LONGEST)
    with monkeypatch.context() as patch, pytest.raises(SynthError, match="drops all 1 letters"):
        patch.setattr(measuring, "generate_outputs", lambda job: pytest.fail("it is refused before"))
        evaluate_metric("rouge", make_job(examples))
    score = evaluate_metric("rouge", make_job(examples, rouge_tokenizer="unicode"))[0]
    assert score.signature.endswith("tokenizer:unicode")


def test_bleu_is_sacrebleus_of_the_generated_texts(all_examples: dict[str, Examples]) -> None:
    examples = all_examples["seq2seq"]
    of = make_job(examples)
    score = evaluate_metric("bleu", of)[0]
    references = examples.texts(np.arange(len(examples)))
    assert score.value == BLEU().corpus_score(generate_outputs(of), [references]).score
    assert score.signature == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:" + score.signature[-5:]


def test_texts_are_kept_with_their_sources(all_examples: dict[str, Examples]) -> None:
    examples, kept = all_examples["seq2seq"], []
    of = make_job(examples, chosen=np.array([5, 0, 11]))
    scores = evaluate_metric("bleu", replace(of, keep=lambda outputs, found: kept.append((outputs, found))))
    ((outputs, found),) = kept
    assert found == scores
    assert list(outputs.sources) == [f"line {n} of a small corpus" for n in (5, 0, 11)]
    assert list(outputs.references) == [(f"Zeile {n}",) for n in (5, 0, 11)]
    assert list(outputs.hypotheses) == generate_outputs(of)


def test_sources_are_read_only_to_be_kept(
    all_examples: dict[str, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = all_examples["seq2seq"]
    monkeypatch.setattr(Examples, "sources", lambda self, chosen: pytest.fail("nobody keeps them"))
    assert evaluate_metric("bleu", make_job(examples))


def test_texts_that_are_not_there_are_not_compared() -> None:
    hidden = SimpleNamespace(examples=SimpleNamespace(has_texts=False), chosen=np.arange(2))
    with pytest.raises(SynthError) as error:
        measuring._by_text("bleu", hidden)
    assert str(error.value) == (
        "`bleu` compares texts, and `data.denoising` asks for what it hid of them alone\n"
        "hint: `perplexity` is what fits it"
    )


def test_a_batch_of_perplexity_has_no_more_logits_than_the_bound(
    all_examples: dict[str, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen = model_for("causal-lm"), []
    monkeypatch.setattr(measuring, "LOGITS", 100 * 260)
    with model.register_forward_hook(lambda module, args, kwargs, out: seen.append(out), with_kwargs=True):
        evaluate_metric("perplexity", make_job(all_examples["causal-lm"], model, batch_size=64))
    rows = [logits.flatten(0, -2).shape[0] for logits, _ in seen]
    assert len(rows) > 1 and max(rows) <= 100


def test_losses_of_half_precision_are_summed_in_float32() -> None:
    logits, targets = torch.randn(50, 300).bfloat16(), torch.arange(50)
    want = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none").double()
    assert torch.equal(measuring._nats(logits, targets), want)


def test_an_encoder_without_a_head_predicts_no_tokens() -> None:
    with pytest.raises(SynthError) as error:
        refuse_headless(SimpleNamespace(has_head=False))
    assert str(error.value) == (
        "this encoder came without a head: it predicts no tokens\n"
        "hint: `synth finetune` gives it one; `synth eval teacher-agreement` compares hidden states"
    )


def test_accuracy_counts_each_example_once(all_examples: dict[str, Examples]) -> None:
    examples, model = all_examples["classification"], model_for("classification")
    right = []
    for i in range(len(examples)):
        batch = examples.collate(np.array([i]))
        right.append(model(batch["tokens"]).argmax(-1).item() == batch["labels"].item())
    (score,) = evaluate_metric("accuracy", make_job(examples, model, batch_size=4))
    assert score.value == pytest.approx(100 * sum(right) / len(right))


@pytest.mark.parametrize("batch_size", [4, 64])
def test_correlation_is_scipys_of_what_the_model_predicts(
    all_examples: dict[str, Examples], batch_size: int
) -> None:
    examples = all_examples["classification"]
    model = model_for("classification", num_classes=None, head={"output": "regression"})
    batches = [examples.collate(np.array([i])) for i in range(len(examples))]
    predicted = [model(batch["tokens"]).item() for batch in batches]
    given = [batch["labels"].item() for batch in batches]
    pearson, spearman = evaluate_metric("correlation", make_job(examples, model, batch_size=batch_size))
    assert pearson.value == pytest.approx(100 * stats.pearsonr(predicted, given).statistic, abs=1e-5)
    assert spearman.value == pytest.approx(100 * stats.spearmanr(predicted, given).statistic)


@pytest.mark.parametrize("metric", ["bleu", "rouge", "accuracy", "perplexity"])
def test_the_mode_of_the_model_stays_as_it_was(all_examples: dict[str, Examples], metric: str) -> None:
    of = make_job(all_examples["seq2seq"], chosen=np.arange(2))
    of.model.train()
    assert all(math.isfinite(score.value) for score in evaluate_metric(metric, of))
    assert of.model.training


def test_progress_counts_up_to_all(all_examples: dict[str, Examples]) -> None:
    seen: list[tuple[int, int]] = []
    examples = all_examples["classification"]
    config = EvaluationConfig.model_validate({"metrics": ["accuracy"], "batch_size": 4})
    model, tokenizer = model_for("classification"), examples.store.tokenizer
    evaluate_metric(
        "accuracy",
        EvaluationJob(
            model,
            tokenizer,
            examples,
            config,
            np.arange(6),
            lambda what, done, total: seen.append((done, total)),
        ),
    )
    assert seen == [(4, 6), (6, 6)]


@pytest.mark.parametrize(
    ("task", "metric"),
    [("causal-lm", "perplexity"), ("seq2seq", "bleu"), ("classification", "accuracy")],
)
def test_a_model_that_diverged_is_not_scored(
    all_examples: dict[str, Examples], task: str, metric: str
) -> None:
    model = model_for(task)
    torch.nn.init.constant_(next(model.parameters()), math.nan)
    with pytest.raises(WorkFailedError) as error:
        evaluate_metric(metric, make_job(all_examples[task], model))
    assert error.value.message == "the model computes no finite numbers"


def test_an_unknown_metric_is_refused_with_the_nearest(all_examples: dict[str, Examples]) -> None:
    with pytest.raises(SynthError) as error:
        evaluate_metric("blue", make_job(all_examples["seq2seq"]))
    assert error.value.message == "unknown metric `blue`"
    assert error.value.hint == "did you mean `bleu`?"


def test_a_part_of_a_split_keeps_the_models_classes(all_examples: dict[str, Examples]) -> None:
    examples = all_examples["classification"]  # of four classes
    labels = examples.collate(np.arange(len(examples)))["labels"]
    assert labels is not None
    of_two = np.flatnonzero(labels.numpy() < 2)
    (score,) = evaluate_metric("f1", make_job(examples, chosen=of_two))
    assert score.name == "f1_macro"
    assert score.sampled.statistics.shape == (len(of_two), 16)
    assert evaluate_metric("matthews", make_job(examples, chosen=of_two))[0].sampled.statistics.shape[1] == 16


@pytest.mark.parametrize("metric", ["f1", "matthews"])
@pytest.mark.parametrize(
    ("output", "does", "fits"),
    [
        ("choice", "chooses among texts", "accuracy"),
        ("regression", "predicts scores", "correlation"),
    ],
)
def test_a_model_without_classes_has_no_table_of_them(
    all_examples: dict[str, Examples], metric: str, output: str, does: str, fits: str
) -> None:
    model = model_for("classification", num_classes=None, head={"output": output})
    with pytest.raises(SynthError) as error:
        evaluate_metric(metric, make_job(all_examples["classification"], model))
    assert error.value.message == f"`{metric}` counts classes, and this model {does}"
    assert error.value.hint == f"`{fits}` is what fits it"
