"""Figures are functions of sums: of resampled ones too, which is what an interval is made of."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from synthcli.errors import SynthError
from synthcli.evaluation.agreement import mean_cosine, same_neighbours
from synthcli.evaluation.confusion import f1, matthews
from synthcli.evaluation.correlation import correlation
from synthcli.evaluation.result import Result
from synthcli.evaluation.sampling import Sampling, refuse
from synthcli.evaluation.score import Score

DRAW = np.random.default_rng(0)
PREDICTIONS, SCORES = DRAW.normal(3.0, 2.0, 40), DRAW.normal(-1.0, 0.5, 40)
GUESSES, LABELS = DRAW.integers(0, 3, 40), DRAW.integers(0, 3, 40)
DRAWN = [DRAW.integers(0, 40, 40) for _ in range(3)]  # places with repetitions: means and spreads move


def resampled(score: Score, places: list[np.ndarray]) -> np.ndarray:
    """Return the figures of several resamples at once, as the bootstrap takes them."""
    sums = np.stack([score.sampled.statistics[one].sum(axis=0) for one in places])
    return score.sampled.figure(sums)


def test_pearson_of_resamples_is_scipys() -> None:
    (pearson, *_) = correlation(PREDICTIONS, SCORES)
    want = [100 * stats.pearsonr(PREDICTIONS[one], SCORES[one]).statistic for one in DRAWN]
    assert resampled(pearson, DRAWN) == pytest.approx(want, abs=1e-9)


def test_a_resample_without_spread_has_no_correlation() -> None:
    (pearson, *_) = correlation(PREDICTIONS, SCORES)
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
    score = mean_cosine(np.array([[1.5, 2.0], [0.5, 1.0], [0.0, 0.0]]))
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
        refuse(sampling)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(SynthError) as refused:
        Result.from_json({"metric": "bleu"})
    assert refused.value.message.startswith("a result is not as `synth eval` writes it: ")
    assert refused.value.hint == "delete it from the run's `results`, then evaluate again"
