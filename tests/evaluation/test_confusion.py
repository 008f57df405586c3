"""F1 and Matthews' correlation against tables counted by hand."""

import math

import numpy as np
import pytest

from synthcli.evaluation.confusion import f1, matthews

# true by predicted: 4 and 1, 2 and 3
TRUE = [0] * 5 + [1] * 5
GUESS = [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]


def test_f1_of_two_classes_is_that_of_class_1() -> None:
    (score,) = f1(GUESS, TRUE)
    precision, recall = 3 / 4, 3 / 5
    assert score.name == "f1"
    assert score.value == pytest.approx(100 * 2 * precision * recall / (precision + recall))


def test_matthews_is_pearsons_r_of_two_classes() -> None:
    (score,) = matthews(GUESS, TRUE)
    assert score.value == pytest.approx(100 * np.corrcoef(GUESS, TRUE)[0, 1])
    by_hand = (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6)
    assert score.value == pytest.approx(100 * by_hand)


def test_more_than_two_classes() -> None:
    true, guess = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]
    (score,) = f1(guess, true)
    assert score.name == "f1_macro"
    assert score.value == pytest.approx(100 * (1 / 2 + 4 / 5 + 2 / 3) / 3)
    indicators = [np.array([[k == c for c in range(3)] for k in side], float) for side in (guess, true)]
    guesses, truths = (side - side.mean(0) for side in indicators)
    r = (guesses * truths).sum() / math.sqrt((guesses**2).sum() * (truths**2).sum())
    assert matthews(guess, true)[0].value == pytest.approx(100 * r)


@pytest.mark.parametrize("guess", [[0, 0, 0], [1, 1, 1]])
def test_a_constant_tells_nothing(guess: list[int]) -> None:
    assert matthews(guess, [0, 1, 0])[0].value == 0
    assert f1(guess, [0, 0, 0])[0].value == 0


def test_everything_right_is_100() -> None:
    assert matthews(TRUE, TRUE)[0].value == pytest.approx(100)
    assert f1(TRUE, TRUE)[0].value == pytest.approx(100)


def test_intervals_come_from_samples() -> None:
    low, high = matthews(GUESS * 20, TRUE * 20)[0].sampled.interval(200, 0)
    assert low < 100 * (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6) < high
