"""TER: edits over words, by hand; the rest is sacreBLEU's."""

import numpy as np
import pytest

from synthcli.evaluation.ter import corpus_ter, ter_of


def test_edits_over_words() -> None:
    """One word more, and one shift; of two references the nearer counts, and their mean length."""
    outputs, references = ["a b c d", "a b c", "c d a b"], ["a b c d"] * 3
    score = corpus_ter("ter", outputs, [references])
    assert score.sampled.statistics.tolist() == [[0, 4], [1, 4], [1, 4]]
    assert score.value == pytest.approx(100 * 2 / 12) and not score.higher_is_better
    several = corpus_ter("ter", outputs, [references, ["a b c d", "a b", "c d a b"]])
    assert several.sampled.statistics.tolist() == [[0, 4], [1, 3], [0, 4]]


def test_without_words_any_edit_is_all() -> None:
    assert ter_of(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0]])).tolist() == [0, 100, 25]
