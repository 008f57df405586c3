"""Figures are functions of sums: of resampled ones too, which is what an interval is made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF
from scipy import stats

from synthcli.errors import SynthError
from synthcli.evaluation.agreement import mean_sample_cosine, same_neighbours
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.bootstrap import mean
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.confusion import f1, matthews
from synthcli.evaluation.correlation import correlate_scores
from synthcli.evaluation.measure import EvaluationJob, evaluate_metric
from synthcli.evaluation.result import Result
from synthcli.evaluation.score import Score
from synthcli.evaluation.token_sampling import Sampling, refuse_bad_sampling
from synthcli.model import ModelConfig, build

DRAW = np.random.default_rng(0)
PREDICTIONS, SCORES = DRAW.normal(3.0, 2.0, 40), DRAW.normal(-1.0, 0.5, 40)
GUESSES, LABELS = DRAW.integers(0, 3, 40), DRAW.integers(0, 3, 40)
DRAWN = [DRAW.integers(0, 40, 40) for _ in range(3)]  # places with repetitions: means and spreads move


def resampled(score: Score, places: list[np.ndarray]) -> np.ndarray:
    """Return the figures of several resamples at once, as the bootstrap takes them."""
    sums = np.stack([score.sampled.statistics[one].sum(axis=0) for one in places])
    return score.sampled.figure(sums)


def test_pearson_of_resamples_is_scipys() -> None:
    (pearson, *_) = correlate_scores(PREDICTIONS, SCORES)
    want = [100 * stats.pearsonr(PREDICTIONS[one], SCORES[one]).statistic for one in DRAWN]
    assert resampled(pearson, DRAWN) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_pearson_does_not_depend_on_the_scale(scale: float) -> None:
    want = 100 * stats.pearsonr(PREDICTIONS, SCORES).statistic
    assert correlate_scores(scale * PREDICTIONS, SCORES)[0].value == pytest.approx(want, abs=1e-6)
    assert correlate_scores(PREDICTIONS, scale * SCORES)[0].value == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("offset", [1e6, -1e6])
def test_pearson_does_not_depend_on_the_offset(offset: float) -> None:
    want = 100 * stats.pearsonr(PREDICTIONS, SCORES).statistic
    assert correlate_scores(PREDICTIONS + offset, SCORES)[0].value == pytest.approx(want, abs=1e-6)
    assert correlate_scores(PREDICTIONS, SCORES + offset)[0].value == pytest.approx(want, abs=1e-6)


def test_pearson_is_computed_in_float64_whatever_comes() -> None:
    x, y = PREDICTIONS.astype(np.float32), SCORES.astype(np.float32)
    want = 100 * stats.pearsonr(x.astype(np.float64), y.astype(np.float64)).statistic
    assert correlate_scores(x, y)[0].value == pytest.approx(want, abs=1e-9)
    assert correlate_scores(x, y.astype(np.float64))[0].value == pytest.approx(want, abs=1e-9)
    assert correlate_scores(x.astype(np.float64), y)[0].value == pytest.approx(want, abs=1e-9)


TEXTS = ["the cat sat on the mat", "a dog", "zebras", "it ran far away from here"]
GUESSED = ["the cat sat on a mat", "a cat", "quick brown foxes jump", "it ran far from here"]


@pytest.mark.parametrize("number", [0, 1])
def test_bleu_and_chrf_do_not_mix_resamples(number: int) -> None:
    short = np.array([1, 1, 1, 1])  # no 4-gram in it
    places = [np.array([0, 0, 3, 1]), np.array([2, 2, 2, 2]), np.array([3, 3, 3, 3]), short]
    each = [
        metric.corpus_score([GUESSED[i] for i in one], [[TEXTS[i] for i in one]]).score
        for one in places
        for metric in [(BLEU(force=True), CHRF())[number]]
    ]
    assert resampled(bleu(GUESSED, TEXTS)[number], places) == pytest.approx(each, abs=1e-9)
    assert each[1] < 10 < each[0]


HARDLY = [("a b c d", "a b c d"), ("xyz q", "abc x"), ("one two three four", "one five six seven")]


@pytest.mark.parametrize(("hypothesis", "reference"), HARDLY)
def test_texts_of_one_4_gram_one_word_and_hardly_a_letter(hypothesis: str, reference: str) -> None:
    ours = (BLEU(force=True), CHRF(), BLEU(force=True, max_ngram_order=1))
    for score, metric in zip(bleu([hypothesis], [reference]), ours, strict=True):
        assert score.value == pytest.approx(metric.corpus_score([hypothesis], [[reference]]).score, abs=1e-9)


def test_final_full_stops_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """sacreBLEU takes a hundred of them, each after a space, for tokenised text."""
    stops = ["a cat sat ."] * 100
    assert bleu(stops, stops)[0].value == pytest.approx(100)
    assert caplog.records == []


def test_a_mean_sums_in_float64() -> None:
    values = np.array([2.0**24, *[1.0] * 64], dtype=np.float32)
    assert mean(values).value == (2**24 + 64) / 65


def test_a_resample_without_spread_has_no_correlation() -> None:
    (pearson, *_) = correlate_scores(PREDICTIONS, SCORES)
    assert resampled(pearson, [np.zeros(40, dtype=int)]) == pytest.approx([0.0])


@pytest.mark.parametrize("metric", [f1, matthews])
def test_figures_of_classes_do_not_mix_resamples(metric: Callable[..., list[Score]]) -> None:
    (score, *_) = metric(GUESSES, LABELS, 3)
    each = [metric(GUESSES[one], LABELS[one], 3)[0].value for one in DRAWN]
    assert resampled(score, DRAWN) == pytest.approx(each, abs=1e-9)
    assert len(set(each)) == 3


def test_f1_of_two_classes_does_not_mix_resamples() -> None:
    (score, *_) = f1(GUESSES > 0, LABELS > 0, 2)
    each = [f1(GUESSES[one] > 0, LABELS[one] > 0, 2)[0].value for one in DRAWN]
    assert resampled(score, DRAWN) == pytest.approx(each, abs=1e-9)


def test_a_mean_cosine_is_over_positions() -> None:
    score = mean_sample_cosine(np.array([[1.5, 2.0], [0.5, 1.0], [0.0, 0.0]]))
    assert (score.name, score.value, score.signature) == ("cosine", pytest.approx(2 / 3), "")
    assert score.higher_is_better
    assert score.protocol == "cosine of the last hidden states with the teacher's, mean over real positions"


def test_neighbours_that_are_the_teachers_are_counted() -> None:
    """The teacher pairs 0 with 1 and 2 with 3; the student pairs 0 with 1, and 2 and 3 with them."""
    teacher = torch.tensor([[1.0, 0.1], [1.0, 0.2], [0.1, 1.0], [0.2, 1.0]])
    student = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.6, 0.5], [-1.0, 0.9]])
    score = same_neighbours(student, teacher)
    assert score.value == 75.0  # 0, 1 and 3, whose nearest is 2
    assert score.protocol.startswith("samples whose nearest neighbour (cosine of mean last hidden states)")


REFUSED = [
    (Sampling(float("inf")), "`--temperature inf` is no number to divide by", "give one such as 0.8"),
    (Sampling(float("nan")), "`--temperature nan` is no number to divide by", "give one such as 0.8"),
    (Sampling(-1.0), "`--temperature -1` is below 0", "0 is greedy, 1 the model's own"),
    (Sampling(1.0, top_k=0), "`--top-k 0` leaves no token", "give 1 or more"),
    (Sampling(1.0, top_p=0.0), "`--top-p 0` is no share", "give one above 0, up to 1"),
    (Sampling(1.0, top_p=1.5), "`--top-p 1.5` is no share", "give one above 0, up to 1"),
]


@pytest.mark.parametrize(("sampling", "message", "hint"), REFUSED)
def test_drawing_that_means_nothing_is_refused(sampling: Sampling, message: str, hint: str) -> None:
    with pytest.raises(SynthError) as refused:
        refuse_bad_sampling(sampling)
    assert (refused.value.message, refused.value.hint) == (message, hint)


MISFITS = [
    ("accuracy", "regression", "`accuracy` counts classes, and this model predicts scores", "correlation"),
    ("f1", "regression", "`f1` counts classes, and this model predicts scores", "correlation"),
    ("f1", "choice", "`f1` counts classes, and this model chooses among texts", "accuracy"),
    ("matthews", "choice", "`matthews` counts classes, and this model chooses among texts", "accuracy"),
    ("correlation", "classes", "`correlation` compares scores, and this model predicts classes", "accuracy"),
]


@pytest.mark.parametrize(("metric", "output", "message", "fits"), MISFITS)
def test_a_metric_of_other_outputs_names_what_fits(metric: str, output: str, message: str, fits: str) -> None:
    table = {
        "task": "classification",
        "vocab_size": 9,
        "d_model": 8,
        "d_ff": 8,
        "mixer": {"heads": 2},
        "encoder": {"layers": 1, "max_length": 4},
        "head": {"output": output},
        "num_classes": 3 if output == "classes" else None,
    }
    model = build(ModelConfig.model_validate(table))
    nothing: Any = None
    config = EvaluationConfig(metrics=("accuracy",))
    with pytest.raises(SynthError) as refused:
        evaluate_metric(metric, EvaluationJob(model, nothing, nothing, config, np.arange(0), nothing))
    assert refused.value.message == message
    assert refused.value.hint == f"`{fits}` is what fits it"


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(SynthError) as refused:
        Result.from_json({"metric": "bleu"})
    assert refused.value.message.startswith("a result is not as `synth eval` writes it: ")
    assert refused.value.hint == "delete it from the run's `results`, then evaluate again"
