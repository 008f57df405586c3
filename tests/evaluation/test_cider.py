"""CIDEr-D against its formula written with vectors over all n-grams, and by hand."""

import math
import random
from itertools import chain

import numpy as np
import pytest

from synthcli.errors import SynthError
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.cider import cider
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.outputs import Outputs, score_metric

WORDS = ["the", "cat", "sat", "on", "a", "mat", "Dog", "ran", "far"]
CONFIG = EvaluationConfig(metrics=("cider",))


def grams(text: str, order: int) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[i : i + order]) for i in range(len(words) - order + 1)]


def by_vectors(hypotheses: list[str], references: list[list[str]]) -> np.ndarray:
    """Return CIDEr-D of every sample with a vector as long as there are n-grams; `references` by sample."""
    total = np.zeros(len(hypotheses))
    for order in range(1, 5):
        known = sorted({gram for text in [*hypotheses, *chain(*references)] for gram in grams(text, order)})
        count = [[float(grams(text, order).count(gram)) for gram in known] for text in hypotheses]
        right = [
            [[float(grams(text, order).count(gram)) for gram in known] for text in texts]
            for texts in references
        ]
        holds = np.array([np.any(np.array(texts) > 0, axis=0) for texts in right]).reshape(len(right), -1)
        weights = np.log(len(right)) - np.log(np.maximum(1, holds.sum(axis=0)))
        for sample, texts in enumerate(right):
            found = []
            for text, other in zip(references[sample], texts, strict=True):
                mine, theirs = np.array(count[sample]) * weights, np.array(other) * weights
                gap = len(hypotheses[sample].split()) - len(text.split())
                norm = np.linalg.norm(mine) * np.linalg.norm(theirs)
                cosine = np.minimum(mine, theirs) @ theirs / norm if norm else 0.0
                found.append(np.exp(-(gap**2) / 72) * cosine)
            total[sample] += 1000 * np.mean(found) / 4
    return total


def texts(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(0, 9))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("many", [1, 3])
def test_it_is_the_formula(seed: int, many: int) -> None:
    said, streams = texts(20, seed), [texts(20, 100 * (number + 1) + seed) for number in range(many)]
    (found,) = cider(said, *streams)
    expected = by_vectors(said, [list(one) for one in zip(*streams, strict=True)])
    np.testing.assert_allclose(found.sampled.each(), expected, rtol=1e-12, atol=1e-12)
    assert found.value == pytest.approx(expected.mean())


def test_by_hand() -> None:
    """One of two words is right, and one is missing; each stands in one of two references: weight log 2."""
    (found,) = cider(["a b", "x y"], ["a c d", "x y"])
    words = 1 / math.sqrt(2 * 3) * math.exp(-1 / 72)
    assert found.sampled.each() == pytest.approx(
        [1000 * words / 4, 1000 * 2 / 4]
    )  # no text has 3-grams of both


def test_the_same_texts_have_the_most_and_one_alone_nothing() -> None:
    whole = ["the cat sat on it", "a dog ran very far"]
    assert cider(whole, whole)[0].value == pytest.approx(1000)
    assert cider(whole[:1], whole[:1])[0].value == 0
    assert cider(["", "a"], ["", ""])[0].value == 0


def test_outputs_are_scored_with_several_references() -> None:
    outputs = Outputs([None] * 2, [("a b", "c"), ("d", "e f")], ["a b", "e f"])
    assert (
        score_metric("cider", outputs, CONFIG)[0].value
        == cider(["a b", "e f"], ["a b", "d"], ["c", "e f"])[0].value
    )
    with pytest.raises(SynthError, match="`synth eval bleu` takes several"):
        score_metric("rouge", outputs, CONFIG)


def test_words_alone_need_no_four_of_them() -> None:
    whole, _, words = bleu(["the cat", "a dog"], ["the dog", "a dog"])
    assert (whole.value, words.name) == (0, "bleu1")
    assert words.value == pytest.approx(75)
