"""Metrics against their own libraries, hand-computed figures and brute-force resampling."""

import json
import math
import random
import subprocess
import sys

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from synthcli.cli import evaluate
from synthcli.errors import SynthError
from synthcli.evaluation.accuracy import accuracy, exact_match
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.measure import METRICS, refuse_mismatch
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.result import Figure, Result
from synthcli.evaluation.rouge import rouge
from synthcli.evaluation.sampled import mean


def sentences(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    draw, words = random.Random(seed), ["the", "cat", "sat", "on", "a", "mat", "dog", "ran", ",", "far"]
    references = [" ".join(draw.choices(words, k=draw.randint(1, 15))) for _ in range(count)]
    hypotheses = [
        " ".join(w if draw.random() < 0.7 else draw.choice(words) for w in r.split()) for r in references
    ]
    return hypotheses, references


CASES = {
    "corpus": sentences(200),
    "one sentence": sentences(1),
    "orders without a match": (["the mat"], ["the cat sat on a mat"]),
    "short": (["dog"], ["the cat sat"]),
    "nothing right": (["far"], ["dog ran"]),
    "nothing said": (["", "the cat"], ["the dog", "the cat"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bleu_and_chrf_equal_sacrebleu(name: str) -> None:
    hypotheses, references = CASES[name]
    ours = bleu(hypotheses, references)
    for score, metric in zip(ours, (BLEU(), CHRF()), strict=True):
        want = metric.corpus_score(hypotheses, [references])
        assert score.value == pytest.approx(want.score, abs=1e-9)
        assert score.signature == str(metric.get_signature())


def test_resampling_sums_equals_scoring_the_resampled_text() -> None:
    hypotheses, references = sentences(30)
    (score, _) = bleu(hypotheses, references)
    drawn = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30))
    again = np.repeat(np.arange(30), drawn)
    want = BLEU().corpus_score([hypotheses[i] for i in again], [[references[i] for i in again]]).score
    assert score.sampled.figure(drawn @ score.sampled.statistics) == pytest.approx(want, abs=1e-9)


def test_rouge_is_the_mean_of_rouge_scores_own() -> None:
    hypotheses = ["the cat sat .\na dog ran .", "far"]
    references = ["a cat sat .\nthe dog ran far .", "far"]
    scorer = RougeScorer(["rougeL", "rougeLsum"])
    each = [scorer.score(r, h) for h, r in zip(hypotheses, references, strict=True)]
    for score in rouge(hypotheses, references):
        assert score.value == pytest.approx(100 * sum(e[score.name].fmeasure for e in each) / 2)


def test_perplexities_are_of_totals_not_means_of_rows() -> None:
    nats, tokens = np.array([2.0, 10.0]), np.array([1.0, 4.0])
    by_token, by_word, by_byte = perplexity(nats, tokens, np.array([1.0, 2.0]), np.array([4.0, 20.0]))
    assert by_token.value == pytest.approx(math.exp(12 / 5))
    assert by_word.value == pytest.approx(math.exp(12 / 3))
    assert by_byte.value == pytest.approx(12 / 24 / math.log(2))
    assert [s.name for s in (by_token, by_word, by_byte)] == [
        "perplexity",
        "perplexity_per_word",
        "bits_per_byte",
    ]


def test_accuracy_and_exact_match_are_per_cent() -> None:
    assert accuracy([1, 2, 3, 0], [1, 2, 0, 0])[0].value == 75
    assert exact_match(["ab ", "c"], ["ab", "d"])[0].value == 50


def test_the_interval_covers_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(10, 2, size=1000)
    low, high = mean(values).interval(2000, seed=0)
    error = 1.96 * values.std() / math.sqrt(1000)
    assert low == pytest.approx(values.mean() - error, abs=0.03)
    assert high == pytest.approx(values.mean() + error, abs=0.03)
    assert mean(values).interval(2000, seed=0) == (low, high)


def test_one_sample_has_no_interval() -> None:
    assert mean([3.0]).interval(1000, seed=0) is None


def test_a_metric_that_does_not_fit_the_task_is_refused_with_those_that_do() -> None:
    with pytest.raises(SynthError) as error:
        refuse_mismatch("bleu", "classification")
    assert error.value.message == "`bleu` does not fit a model of task `classification`"
    assert error.value.hint == "metrics that fit: `accuracy`, `f1`, `matthews`, `correlation`"
    assert set(METRICS) == {"bleu", "rouge", "perplexity", "accuracy", "f1", "matthews", "correlation"}
    assert set(METRICS) == set(evaluate.METRICS)  # what the command line knows without importing torch


def test_rouge_lsum_reads_lines_as_sentences() -> None:
    hypothesis, reference = "a dog ran .\nthe cat sat .", "the cat sat .\na dog ran ."
    by_text, by_line = rouge([hypothesis], [reference])
    assert by_line.value == pytest.approx(100)
    assert by_text.value == pytest.approx(50)
    assert rouge([""], [reference])[1].value == 0


def test_pieces_that_end_no_row_have_a_perplexity_by_token_alone() -> None:
    nats, tokens = np.array([2.0, 4.0]), np.array([2.0, 4.0])
    (score,) = perplexity(nats, tokens, np.zeros(2), np.zeros(2))
    assert (score.name, score.value) == ("perplexity", pytest.approx(math.e))
    by_word = perplexity(nats, tokens, np.array([0.0, 3.0]), None)[1]
    low, high = by_word.sampled.interval(50, seed=0) or (0, 0)
    assert 0 < low < high < math.inf


def test_a_perplexity_too_large_for_a_number_is_the_largest() -> None:
    (score,) = perplexity(np.array([1e6]), np.array([1.0]), None, None)
    assert math.isfinite(score.value)


@pytest.mark.parametrize("samples", [2, 3, 400])
def test_an_interval_holds_its_value(samples: int) -> None:
    for score in bleu(*sentences(samples)):
        low, high = score.sampled.interval(300, seed=3) or (math.nan, math.nan)
        assert 0 <= low <= score.value <= high <= 100


def test_an_interval_is_decided_by_its_seed() -> None:
    (score, _) = bleu(*sentences(100))
    assert score.sampled.interval(300, seed=3) == score.sampled.interval(300, seed=3)
    assert score.sampled.interval(300, seed=3) != score.sampled.interval(300, seed=4)


def test_a_result_survives_json() -> None:
    figure = Figure.of(exact_match(["a", "b", "c"], ["a", "b", "d"])[0], resamples=50, seed=0)
    alone = Figure.of(exact_match(["a"], ["a"])[0], resamples=50, seed=0)
    result = Result(
        metric="accuracy",
        figures=(figure, alone),
        samples=3,
        split_size=3,
        limit=None,
        corpus="copy",
        split="test",
        store="hash",
        checkpoint="runs/a/b",
        step=4,
        options={"beam": 1},
        notes=("a note",),
    )
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert str(alone) == "exact_match 100.00"
    assert str(figure).startswith("exact_match 66.67 [")


def test_configuration_and_names_import_no_torch() -> None:
    code = "import sys, synthcli.evaluation.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_token_to_predict_is_no_perplexity() -> None:
    with pytest.raises(SynthError) as refused:
        perplexity(np.zeros(3), np.zeros(3), None, None)
    assert refused.value.message == "none of the 3 examples holds a token to predict: perplexity has no value"
    assert refused.value.hint == "evaluate more examples, or a split with text in it"
