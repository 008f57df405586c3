"""F1 and Matthews' correlation against tables counted by hand."""

import math

import numpy as np
import pytest

from synthcli.evaluation.confusion import f1, matthews

# true by predicted: 4 and 1, 2 and 3
TRUE = [0] * 5 + [1] * 5
GUESS = [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]


def test_f1_of_two_classes_is_that_of_class_1() -> None:
    (score,) = f1(GUESS, TRUE, 2)
    precision, recall = 3 / 4, 3 / 5
    assert score.name == "f1"
    assert score.value == pytest.approx(100 * 2 * precision * recall / (precision + recall))


def test_matthews_is_pearsons_r_of_two_classes() -> None:
    (score,) = matthews(GUESS, TRUE, 2)
    assert score.value == pytest.approx(100 * np.corrcoef(GUESS, TRUE)[0, 1])
    by_hand = (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6)
    assert score.value == pytest.approx(100 * by_hand)


def test_more_than_two_classes() -> None:
    true, guess = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]
    (score,) = f1(guess, true, 3)
    assert score.name == "f1_macro"
    assert score.value == pytest.approx(100 * (1 / 2 + 4 / 5 + 2 / 3) / 3)
    indicators = [np.array([[k == c for c in range(3)] for k in side], float) for side in (guess, true)]
    guesses, truths = (side - side.mean(0) for side in indicators)
    r = (guesses * truths).sum() / math.sqrt((guesses**2).sum() * (truths**2).sum())
    assert matthews(guess, true, 3)[0].value == pytest.approx(100 * r)


@pytest.mark.parametrize("guess", [[0, 0, 0], [1, 1, 1]])
def test_a_constant_tells_nothing(guess: list[int]) -> None:
    assert matthews(guess, [0, 1, 0], 2)[0].value == 0
    assert f1(guess, [0, 0, 0], 2)[0].value == 0


def test_everything_right_is_100() -> None:
    assert matthews(TRUE, TRUE, 2)[0].value == pytest.approx(100)
    assert f1(TRUE, TRUE, 2)[0].value == pytest.approx(100)


def test_intervals_come_from_samples() -> None:
    low, high = matthews(GUESS * 20, TRUE * 20, 2)[0].sampled.interval(200, 0)
    assert low < 100 * (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6) < high


# (classes of the model, true, predicted, F1, Matthews) by scikit-learn 1.9.1: f1_score(labels=range(classes),
# average="macro", zero_division=0), of two classes average="binary", and matthews_corrcoef
SCIKIT_LEARN = [
    (3, "200200121201", "200200122201", 0.8962962962962964, 0.8806428986221471),
    (3, "100000101", "110000101", 0.5887445887445887, 0.7905694150420948),
    (
        4,
        "133001120221013111222212302200",
        "333001120021020111222211300320",
        0.7267156862745098,
        0.643966004654695,
    ),
    (5, "1220202", "1120202", 0.5047619047619047, 0.8017837257372732),
    (2, "010111101111000", "010110001101001", 0.75, 0.49099025303098287),
    (3, "000000", "000000", 0.3333333333333333, 0.0),
]


@pytest.mark.parametrize(("classes", "true", "guess", "of_f1", "of_matthews"), SCIKIT_LEARN)
def test_figures_are_those_of_scikit_learn(
    classes: int, true: str, guess: str, of_f1: float, of_matthews: float
) -> None:
    sides = [[int(digit) for digit in side] for side in (guess, true)]
    assert f1(*sides, classes)[0].value == pytest.approx(100 * of_f1)
    assert matthews(*sides, classes)[0].value == pytest.approx(100 * of_matthews)


def test_classes_are_the_models_whatever_the_data_shows() -> None:
    """Of three classes two are shown, and both are always right: two thirds, and no F1 of two classes."""
    (score,) = f1([0, 1, 1, 0], [0, 1, 1, 0], 3)
    assert (score.name, score.value) == ("f1_macro", pytest.approx(200 / 3))
    assert score.protocol == (
        "100 · F1, the mean over the model's 3 classes; one neither true nor predicted counts as 0"
    )
    (of_two,) = f1([0, 0], [0, 0], 2)
    assert (of_two.name, of_two.value, of_two.protocol) == ("f1", 0, "100 · F1 of class 1")
    assert matthews([0, 1, 2], [0, 1, 2], 5)[0].value == pytest.approx(100)
