"""Figures of a table of classes: Matthews' correlation and F1, times 100 as GLUE prints them.

Which classes there are is the model's to say, never the data's: a split, or a part of it, may show fewer.
"""

import numpy as np
import numpy.typing as npt

from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score


def matthews(predictions: npt.ArrayLike, labels: npt.ArrayLike, classes: int) -> list[Score]:
    """Return the correlation of predicted and true classes  (Matthews 1975; of many, Gorodkin 2004)."""
    protocol = "100 · Matthews' correlation of predicted and true classes; 0 where one of them is constant"
    return [
        Score("matthews", Sampled(count_cells(predictions, labels, classes), matthews_correlation), protocol)
    ]


def f1(predictions: npt.ArrayLike, labels: npt.ArrayLike, classes: int) -> list[Score]:
    """Return F1 of class 1 of a model with two, else the mean over all of its classes."""
    table = count_cells(predictions, labels, classes)
    if classes == 2:
        return [Score("f1", Sampled(table, f1_of_one), "100 · F1 of class 1")]
    protocol = (
        f"100 · F1, the mean over the model's {classes} classes; one neither true nor predicted counts as 0"
    )
    return [Score("f1_macro", Sampled(table, f1_of_all), protocol)]


def count_cells(predictions: npt.ArrayLike, labels: npt.ArrayLike, classes: int) -> Array:
    """Return (samples, classes²): 1 where a sample stands in the table of labels by predictions."""
    cells = np.asarray(labels) * classes + np.asarray(predictions)
    table = np.zeros((len(cells), classes * classes))
    table[np.arange(len(cells)), cells] = 1
    return table


def square(sums: Array) -> Array:
    """Return tables (…, label, prediction)."""
    classes = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], classes, classes)


def matthews_correlation(sums: Array) -> Array:
    """R = (s·c − Σ p_k t_k) / √((s² − Σ p_k²)(s² − Σ t_k²)): s samples, c right, p_k predicted, t_k true."""
    table = square(sums)
    truths, guesses = table.sum(-1), table.sum(-2)
    samples, right = truths.sum(-1), np.trace(table, axis1=-2, axis2=-1)
    spread = (samples**2 - (guesses**2).sum(-1)) * (samples**2 - (truths**2).sum(-1))
    together = samples * right - (guesses * truths).sum(-1)
    return 100 * np.where(spread > 0, together / np.sqrt(np.where(spread > 0, spread, 1)), 0.0)


def by_class(sums: Array) -> Array:
    """F1 = 2 right / (predicted + true) of each class; 0 where a class is neither."""
    table = square(sums)
    either = table.sum(-1) + table.sum(-2)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    return 100 * np.where(either > 0, 2 * right / np.where(either > 0, either, 1), 0.0)


def f1_of_one(sums: Array) -> Array:
    return by_class(sums)[..., 1]


def f1_of_all(sums: Array) -> Array:
    return by_class(sums).mean(-1)
