"""Pearson's and Spearman's correlation of predicted with given scores, times 100 as GLUE prints them."""

import numpy as np
import numpy.typing as npt

from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score


def correlate_scores(predictions: npt.ArrayLike, scores: npt.ArrayLike) -> list[Score]:
    """Return both correlations; intervals of Spearman's keep the ranks of the whole split."""
    from scipy.stats import rankdata  # takes long to import, and training would

    x, y = np.asarray(predictions, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    return [
        Score("pearson", of_moments(x, y), "100 · Pearson's r of predicted and given scores"),
        Score(
            "spearman", of_moments(rankdata(x), rankdata(y)), "100 · Pearson's r of their ranks, ties shared"
        ),
    ]


def of_moments(x: Array, y: Array) -> Sampled:
    """Return 100 r as a function of summed moments."""
    x, y = x - x.mean(), y - y.mean()  # for precision; r does not change
    return Sampled(np.stack((np.ones_like(x), x, y, x * x, y * y, x * y), axis=1), pearson)


def pearson(sums: Array) -> Array:
    """r = cov(x, y) / √(var x · var y) from n, Σx, Σy, Σx², Σy², Σxy; 0 where one of them is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.maximum(xx - x * x / n, 0) * np.maximum(yy - y * y / n, 0)
    together = xy - x * y / n
    return 100 * np.where(spread > 0, together / np.sqrt(np.where(spread > 0, spread, 1)), 0.0)
