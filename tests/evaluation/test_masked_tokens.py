"""Accuracy and F1 of masked tokens beside plain loops, and their intervals."""

import numpy as np
import pytest

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Sampled
from synthcli.evaluation.masked_tokens import accuracy_of_tokens, f1_of_tokens, mean_f1

GENERATOR = np.random.default_rng(3)
ROWS, COUNT, VOCABULARY = 12, 90, 40
PLACES = np.sort(GENERATOR.integers(0, ROWS - 1, COUNT))  # the last row has no masked token
TRUTHS = GENERATOR.integers(0, 9, COUNT) * 4
GUESSES = np.where(GENERATOR.random(COUNT) < 0.6, TRUTHS, GENERATOR.integers(0, VOCABULARY, COUNT))


def plain_f1(guesses: list[int], truths: list[int]) -> float:
    """Mean over tokens of 2 · precision · recall / (precision + recall)."""
    found = []
    for token in {*guesses, *truths}:
        right = sum(a == b == token for a, b in zip(guesses, truths, strict=True))
        precision = right / guesses.count(token) if token in guesses else 0.0
        recall = right / truths.count(token) if token in truths else 0.0
        found.append(2 * precision * recall / (precision + recall) if right else 0.0)
    return 100 * sum(found) / len(found)


def test_accuracy_is_of_tokens_whatever_row_they_stand_in() -> None:
    (score,) = accuracy_of_tokens(ROWS, PLACES, GUESSES, TRUTHS)
    right = [a == b for a, b in zip(GUESSES, TRUTHS, strict=True)]
    assert score.value == pytest.approx(100 * sum(right) / COUNT) and score.sampled.statistics.shape == (
        ROWS,
        2,
    )
    low, high = score.sampled.interval(500, 0) or (0.0, 0.0)
    assert low < score.value < high


def test_f1_is_the_mean_over_tokens_that_occur() -> None:
    (score,) = f1_of_tokens(ROWS, PLACES, GUESSES, TRUTHS)
    assert score.value == pytest.approx(plain_f1(GUESSES.tolist(), TRUTHS.tolist()))
    for row, value in enumerate(score.sampled.each()[:-1]):
        mine = row == PLACES
        assert value == pytest.approx(plain_f1(GUESSES[mine].tolist(), TRUTHS[mine].tolist()))
    dense = Sampled(score.sampled.statistics.toarray(), mean_f1)  # type: ignore[union-attr]
    assert dense.interval(50, 1) == score.sampled.interval(50, 1)


def test_text_without_a_masked_token_has_neither() -> None:
    none = np.zeros(0, dtype=np.int64)
    for metric in (accuracy_of_tokens, f1_of_tokens):
        with pytest.raises(SynthError, match="none of the 4 examples holds a masked token"):
            metric(4, none, none, none)
