"""ROUGE as the script ROUGE-1.5.5 prints it  (Lin 2004), to its five digits.

    P = hits / n,  R = hits / m,  F = P R / ((1 − α) P + α R),  α = ½

Hits, n and m are those of rouge-score, tokens and the union of subsequences included (ROUGE-L is its
`rougeLsum`). Other are: P, R and F of every text, rounded to five digits; the figure, which is the mean over
1000 resamples and not over the texts; and with `-m` the stems, for which see `perl_stems`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from synthcli.evaluation.bootstrap import Array, Sampled, ratio
from synthcli.evaluation.score import Score

FIGURES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeLsum": "ROUGE-L"}
RESAMPLES = 1000
LOW, HIGH = 25, 974  # of them in order: what 95 % lie between
NO_TOKEN = re.compile(r"[^a-z0-9]+")
# drand48, which perl draws by since 5.20
FACTOR, TERM, BITS, SEED_BITS, SEED_END = 0x5DEECE66D, 0xB, 48, 16, 0x330E

Stem = Callable[[str], str]


def perl_rouge(
    name: str, kind: str, hypotheses: Sequence[str], references: Sequence[str], stem: Stem | None = None
) -> Score:
    """Return 100 times what the script prints as Average_F of one of `FIGURES`; a sentence is a line."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], tokenizer=PerlTokenizer(stem))
    texts = zip(hypotheses, references, strict=True)
    found = [scorer.score(reference, text)[kind] for text, reference in texts]
    figures = np.array([round_f(score.precision, score.recall) for score in found])
    protocol = f"{FIGURES[kind]} as ROUGE-1.5.5 prints Average_F: mean over {RESAMPLES} resamples, 0-100"
    options = "-n 2" + (" -m" if stem else "")
    statistics = np.stack((figures, np.ones_like(figures)), axis=1)
    return Score(name, PerlMean(statistics, ratio), protocol, f"ROUGE-1.5.5|{options}|ids:1-{len(figures)}")


def round_f(precision: float, recall: float) -> float:
    """Return F of a text; the script computes with what it prints."""
    p, r = float(f"{precision:.5f}"), float(f"{recall:.5f}")
    return float(f"{p * r / (0.5 * p + 0.5 * r):.5f}") if p + r > 0 else 0.0


@dataclass(frozen=True)
class PerlTokenizer:
    """Runs of a to z and digits, capitals of ASCII made small; words of more than three letters stemmed."""

    stem: Stem | None = None

    def tokenize(self, text: str) -> list[str]:
        plain = "".join(character if character.isascii() else " " for character in text).lower()
        tokens = NO_TOKEN.sub(" ", plain).split()
        if self.stem is None:
            return tokens
        return [self.stem(token) if len(token) > 3 else token for token in tokens]


@dataclass(frozen=True)
class PerlMean(Sampled):
    """The mean over resamples of the mean of F, as the script draws them: the i-th by perl's `srand(i)`.

    It draws from texts in the order of their numbers read as words: 1, 10, 100, 2, …
    """

    @cached_property
    def means(self) -> Array:
        """Mean F of every resample, the smallest first."""
        count = len(self.statistics)
        order = sorted(range(count), key=lambda place: str(place + 1))
        figures, sums = self.statistics[order, 0], np.zeros(RESAMPLES)
        for places in draw_places(count):
            sums += figures[places]
        return np.sort(sums / count)

    @property
    def value(self) -> float:
        return _print(np.cumsum(self.means)[-1] / RESAMPLES)

    def interval(self, resamples: int, seed: int) -> tuple[float, float] | None:
        """Return the script's own interval; it has its own seeds and number of resamples."""
        return _print(self.means[LOW]), _print(self.means[HIGH])


def draw_places(count: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield `count` times what each of perl's generators 0, 1, … draws next by `int(rand(count))`."""
    mask = np.uint64(2**BITS - 1)
    states = (np.arange(RESAMPLES, dtype=np.uint64) << np.uint64(SEED_BITS)) + np.uint64(SEED_END)
    for _ in range(count):
        states = (states * np.uint64(FACTOR) + np.uint64(TERM)) & mask
        yield (count * (states / 2.0**BITS)).astype(np.int64)


def _print(share: float) -> float:
    return float(f"{100 * share:.3f}")
