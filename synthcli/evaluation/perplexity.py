"""Perplexity and bits per byte from summed negative log-likelihoods, in nats."""

import math
from collections.abc import Callable

import numpy as np

from synthcli.errors import SynthError
from synthcli.evaluation.sampled import Array, Sampled
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
    scores = [Score("perplexity", _per(nats, tokens, _exp), f"exp(nats / token); {ends}", "", False)]
    if words is not None and words.any():
        protocol = f"exp(nats / word); words stand between white space, {ends}"
        scores.append(Score("perplexity_per_word", _per(nats, words, _exp), protocol, "", False))
    if text_bytes is not None and text_bytes.any():
        protocol = f"bits / byte of UTF-8; {ends}"
        scores.append(Score("bits_per_byte", _per(nats, text_bytes, _bits), protocol, "", False))
    return scores


def _per(nats: Array, units: Array, figure: Callable[[Array], Array]) -> Sampled:
    """A resample of pieces that end no row holds no unit: it counts as one."""
    return Sampled(
        np.stack((nats, units), axis=1), lambda sums: figure(sums[..., 0] / np.maximum(sums[..., 1], 1))
    )


def _exp(nats: Array) -> Array:
    return np.asarray(np.exp(np.minimum(nats, LARGEST)))


def _bits(nats: Array) -> Array:
    return nats / math.log(2)
