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
from synthcli.evaluation.bleu import bleu, bleu_of, chrf_of
from synthcli.evaluation.bootstrap import Sampled, mean
from synthcli.evaluation.correlation import correlate_scores
from synthcli.evaluation.measure import METRICS, refuse_metric
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.result import Figure, Result
from synthcli.evaluation.rouge import rouge


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
    "shorter than the references": (["the cat sat on a", "a dog"], ["the cat sat on a mat", "a dog ran far"]),
    "longer than the references": (["the cat sat on a mat far", "a dog"], ["the cat sat on a mat", "a dog"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bleu_and_chrf_equal_sacrebleu(name: str) -> None:
    hypotheses, references = CASES[name]
    ours = bleu(hypotheses, references)
    for score, metric in zip(ours, (BLEU(), CHRF(), BLEU(max_ngram_order=1)), strict=True):
        want = metric.corpus_score(hypotheses, [references])
        assert score.value == pytest.approx(want.score, abs=1e-9)
        assert score.signature == str(metric.get_signature())


def test_resampling_sums_equals_scoring_the_resampled_text() -> None:
    hypotheses, references = sentences(30)
    score = bleu(hypotheses, references)[0]
    drawn = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30))
    again = np.repeat(np.arange(30), drawn)
    want = BLEU().corpus_score([hypotheses[i] for i in again], [[references[i] for i in again]]).score
    assert score.sampled.figure(drawn @ score.sampled.statistics) == pytest.approx(want, abs=1e-9)


def test_rouge_is_the_mean_of_rouge_scores_own() -> None:
    hypotheses = ["the cat sat .\na dog ran .", "far"]
    references = ["a cat sat .\nthe dog ran far .", "far"]
    scorer = RougeScorer(["rougeL", "rougeLsum", "rouge1", "rouge2"])
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


def test_texts_that_have_no_partner_are_no_matches() -> None:
    with pytest.raises(ValueError, match="longer"):
        exact_match(["a"], ["a", "b"])


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
        refuse_metric("bleu", "classification")
    assert error.value.message == "`bleu` does not fit a model of task `classification`"
    assert error.value.hint == "metrics that fit: `accuracy`, `f1`, `matthews`, `correlation`"
    assert set(METRICS) == {
        *("bleu", "rouge", "cider", "perplexity", "accuracy", "f1", "matthews", "correlation")
    }
    assert set(METRICS) == set(evaluate.METRICS)  # what the command line knows without importing torch


def test_rouge_lsum_reads_lines_as_sentences() -> None:
    hypothesis, reference = "a dog ran .\nthe cat sat .", "the cat sat .\na dog ran ."
    by_text, by_line, *_ = rouge([hypothesis], [reference])
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
    score = bleu(*sentences(100))[0]
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


def test_what_is_short_loses_by_brevity_and_what_is_long_does_not() -> None:
    """Every n-gram right: BLEU is 100 · exp(1 − r/c) of c words for r, and 100 where c > r."""
    counts = [8.0, 7.0, 6.0, 5.0]
    for said, wanted, expected in ((8, 10, 100 * math.exp(1 - 10 / 8)), (8, 8, 100), (8, 4, 100)):
        assert bleu_of(np.array([said, wanted, *counts, *counts])) == pytest.approx(expected)


def test_bleu_is_the_geometric_mean_of_its_precisions() -> None:
    sums = np.array([9.0, 9.0, 6.0, 3.0, 0.0, 0.0, 9.0, 8.0, 7.0, 6.0])
    smoothed = (6 / 9) * (3 / 8) * (0.5 / 7) * (0.25 / 6)  # a half, then a quarter, of a match
    assert bleu_of(sums) == pytest.approx(100 * smoothed**0.25)
    assert bleu_of(np.array([9.0, 9.0, 0, 0, 0, 0, 9, 8, 7, 6])) == 0
    assert bleu_of(np.array([3.0, 3.0, 3, 2, 1, 0, 3, 2, 1, 0])) == 0
    assert bleu_of(np.stack((sums, sums))).shape == (2,)


def test_chrf_is_f2_of_the_means_over_orders() -> None:
    sums = np.array([10.0, 8, 6, 9, 7, 3, 0, 5, 0, 4, 0, 0])  # an order of which one side has nothing is none
    precision, recall = (6 / 10 + 3 / 9) / 2, (6 / 8 + 3 / 7) / 2
    assert chrf_of(sums) == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))
    assert chrf_of(np.zeros(6)) == 0
    assert chrf_of(np.array([1.0, 1, 1])) == pytest.approx(100)
    assert chrf_of(np.array([1.0, 1, 0])) == 0


def test_an_interval_covers_95_per_cent_of_its_resamples() -> None:
    """Of 1,000 resamples drawn by hand from the same seed 25 lie below the interval, and 25 above."""
    values = np.random.default_rng(5).exponential(size=40)
    draw = np.random.default_rng(7)
    means = np.sort([values[draw.integers(0, 40, 40)].mean() for _ in range(1000)])
    low, high = mean(values).interval(1000, seed=7) or (math.nan, math.nan)
    assert means[24] < low < means[25] and means[974] < high < means[975]
    assert low == pytest.approx(means[24] + 0.975 * (means[25] - means[24]))
    assert high == pytest.approx(means[974] + 0.025 * (means[975] - means[974]))


def test_an_interval_is_as_wide_as_1_96_standard_errors() -> None:
    values = np.random.default_rng(2).normal(size=400)
    low, high = mean(values).interval(4000, seed=1) or (math.nan, math.nan)
    assert (high - low) / 2 / (values.std() / 20) == pytest.approx(1.96, abs=0.08)


def test_nothing_resampled_has_no_interval_and_two_samples_have_one() -> None:
    assert mean([1.0, 2.0]).interval(0, seed=0) is None
    assert mean([1.0, 2.0]).interval(1, seed=0) is not None
    sums = Sampled(np.array([[1.0, 2.0], [3.0, 4.0]]), lambda s: s[..., 0] / s[..., 1])
    assert sums.value == pytest.approx(4 / 6)


def test_spearmans_ranks_are_shared_by_what_is_equal() -> None:
    """r of the ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: 4.5 / √(4.5 · 5)."""
    pearson, spearman = correlate_scores([10, 20, 20, 90], [1, 3, 2, 4])
    assert spearman.value == pytest.approx(100 * 4.5 / math.sqrt(4.5 * 5))
    assert pearson.value == pytest.approx(100 * np.corrcoef([10, 20, 20, 90], [1, 3, 2, 4])[0, 1])
    assert [score.name for score in (pearson, spearman)] == ["pearson", "spearman"]
    assert correlate_scores([1, 1, 1], [1, 2, 3])[0].value == 0
    assert correlate_scores([1, 2, 3], [2, 2, 2])[1].value == 0
    assert [score.value for score in correlate_scores([3, 2, 1], [4, 5, 6])] == pytest.approx([-100, -100])
