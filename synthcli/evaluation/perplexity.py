"""Perplexity and bits per byte from summed negative log-likelihoods, in nats."""

import math
from collections.abc import Callable

import numpy as np

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score

LARGEST = 700.0  # its exponential is the largest a double holds


def perplexity(nats: Array, tokens: Array, words: Array | None, text_bytes: Array | None) -> list[Score]:
    """Return perplexity by token, by word, and bits per byte, of arrays with one figure a sample.

    Raises where no sample has a token to predict.
    """
    if not tokens.any():
        message = f"none of the {len(tokens):,} examples holds a token to predict: perplexity has no value"
        raise SynthError(message, "evaluate more examples, or a split with text in it")
    ends = "the end of a row counts as one"
    scores = [
        Score(
            "perplexity", _resample_sums(nats, tokens, perplexity_of), f"exp(nats / token); {ends}", "", False
        )
    ]
    if words is not None and words.any():
        protocol = f"exp(nats / word); words stand between white space, {ends}"
        scores.append(
            Score("perplexity_per_word", _resample_sums(nats, words, perplexity_of), protocol, "", False)
        )
    if text_bytes is not None and text_bytes.any():
        protocol = f"bits / byte of UTF-8; {ends}"
        scores.append(Score("bits_per_byte", _resample_sums(nats, text_bytes, bits_of), protocol, "", False))
    return scores


def _resample_sums(nats: Array, units: Array, figure: Callable[[Array], Array]) -> Sampled:
    return Sampled(np.stack((nats, units), axis=1), figure)


def loss_of(sums: Array) -> Array:
    """Nats over units; a resample of pieces that end no row holds no unit: it counts as one."""
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1))


def perplexity_of(sums: Array) -> Array:
    """exp(nats / unit)."""
    return np.asarray(np.exp(np.minimum(loss_of(sums), LARGEST)))


def bits_of(sums: Array) -> Array:
    """Nats / unit in bits."""
    return loss_of(sums) / math.log(2)
