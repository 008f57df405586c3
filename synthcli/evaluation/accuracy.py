"""Accuracy: the share of answers that are right, in per cent."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthcli.evaluation.bootstrap import mean
from synthcli.evaluation.score import Score


def accuracy(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> list[Score]:
    """Return the share of classes that are right."""
    right = np.asarray(predictions) == np.asarray(labels)
    return [Score("accuracy", mean(100.0 * right), "classes that are right, in per cent")]


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> list[Score]:
    """Return the share of generated texts that equal their reference, white space at the ends apart."""
    right = [h.strip() == r.strip() for h, r in zip(hypotheses, references, strict=True)]
    return [
        Score("exact_match", mean([100.0 * r for r in right]), "texts equal to the reference, in per cent")
    ]
