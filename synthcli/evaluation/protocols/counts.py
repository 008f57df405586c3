"""Perplexity by token, by word and by byte of one text: one sum of nats, over other units.

    N = Σ −log p  nats of the whole text;   perplexity = exp(N / units),   bits = N / (units · ln 2)
    so  perplexity_per_word = perplexity^(tokens / words),  bits_per_byte = log2(perplexity) · tokens / bytes

This holds for one text alone, every byte of which the tokens spell: not where a word outside the vocabulary
became `<unk>`, of which N says how likely *some* unknown word was, and not which.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.perplexity import bits_of, loss_of, perplexity_of
from synthcli.evaluation.protocols.settings import CannotScoreError
from synthcli.evaluation.score import Score

NEEDS = {
    "token": "`--tokens N`: the targets that were predicted, ends of rows included if they were",
    "word": "`--words N` and `--ends N`, or the text: `--text FILE`",
    "word_no_end": "`--words N`, or the text: `--text FILE`",
    "byte": "`--bytes N` and `--ends N`, or the text: `--text FILE`",
    "byte_no_end": "`--bytes N`, or the text: `--text FILE`",
}


@dataclass(frozen=True)
class TextCounts:
    """Nats, and how many of each unit of `NEEDS`, of every sample, or of groups of `samples`."""

    nats: Array
    units: Mapping[str, Array]
    samples: int

    @classmethod
    def of(
        cls,
        nats: Array,
        tokens: Array | None = None,
        words: Array | None = None,
        text_bytes: Array | None = None,
        ends: Array | None = None,
    ) -> "TextCounts":
        """Take counts that are known; `ends` are of rows, each a word and a byte where it counts."""
        given = {"token": tokens, "word_no_end": words, "byte_no_end": text_bytes}
        if ends is not None:
            given["word"] = None if words is None else words + ends
            given["byte"] = None if text_bytes is None else text_bytes + ends
        return cls(nats, {unit: counts for unit, counts in given.items() if counts is not None}, len(nats))


def _score(
    name: str, unit: str, figure: Callable[[Array], Array], protocol: str, ends: str, counts: TextCounts
) -> Score:
    units = counts.units.get(unit)
    if units is None:
        raise CannotScoreError("a count is not given", NEEDS[unit])
    kind = unit.removesuffix("_no_end")
    sampled = Sampled(np.stack((counts.nats, units), axis=1), figure)
    return Score(name, sampled, protocol, f"unit:{kind}|ends:{ends}", False)


WORDS = "exp(nats / word); words stand between white space"
ALONE = "no end of a row counts, whose nats do"
LANGUAGE_MODEL: dict[str, Callable[[TextCounts], Score]] = {
    name: partial(_score, name, unit, figure, protocol, ends)
    for name, unit, figure, protocol, ends in (
        ("loss", "token", loss_of, "nats / token", "as-given"),
        ("perplexity", "token", perplexity_of, "exp(nats / token)", "as-given"),
        (
            "perplexity_per_word",
            "word",
            perplexity_of,
            f"{WORDS}, the end of a row counts as one",
            "counted",
        ),
        ("perplexity_per_word_no_end", "word_no_end", perplexity_of, f"{WORDS}, {ALONE}", "not-counted"),
        ("bits_per_byte", "byte", bits_of, "bits / byte of UTF-8; the end of a row counts as one", "counted"),
        ("bits_per_byte_no_end", "byte_no_end", bits_of, f"bits / byte of UTF-8; {ALONE}", "not-counted"),
    )
}
