"""CIDEr-D: n-grams weighed by how rare they are  (Vedantam et al. 2015, arXiv 1411.5726, section 5).

    g(s)_k = h_k(s) · log(|I| / max(1, df_k))      df_k: samples with a reference that holds n-gram k
    CIDEr-D_n(c, S) = 10/m Σ_j exp(−(l(c) − l(s_j))² / 2σ²) · min(g(c), g(s_j)) · g(s_j) / (‖g(c)‖ ‖g(s_j)‖)

and the mean over n = 1 … 4. Lengths l are in tokens, σ = 6.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

from synthcli.evaluation.bootstrap import mean
from synthcli.evaluation.score import Score

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0
PROTOCOL = (
    "mean CIDEr-D of n-grams of 1 to 4, tokenizer 13a, lower case, not stemmed, weights of the references,"
    " 0-1000"
)

Counts = Counter[tuple[str, ...]]


def cider(hypotheses: Sequence[str], *references: Sequence[str]) -> list[Score]:
    """Return 100 · CIDEr-D; `references` are the first of each, the second, …"""
    tokenize = _tokenizer()
    said = [tokenize(text.lower()).split() for text in hypotheses]
    right = [[tokenize(text.lower()).split() for text in texts] for texts in zip(*references, strict=True)]
    values = [0.0] * len(said)
    for order in ORDERS:
        rarity = _rarity([[_grams(tokens, order) for tokens in texts] for texts in right])
        for sample, (tokens, texts) in enumerate(zip(said, right, strict=True)):
            found = [_similarity(tokens, other, order, rarity) for other in texts]
            values[sample] += 100 * 10 * sum(found) / len(found) / len(ORDERS)
    return [Score("cider", mean(values), PROTOCOL)]


class Rarity:
    """log(|I| / max(1, df)) of every n-gram."""

    def __init__(self, frequencies: Counts, samples: int) -> None:
        self.frequencies, self.samples = frequencies, samples

    def weigh(self, counts: Counts) -> dict[tuple[str, ...], float]:
        """Return g of a text from its n-grams."""
        total = math.log(self.samples)
        return {gram: n * (total - math.log(max(1, self.frequencies[gram]))) for gram, n in counts.items()}


def _rarity(references: Sequence[Sequence[Counts]]) -> Rarity:
    frequencies: Counts = Counter()
    for texts in references:
        frequencies.update(set().union(*texts))
    return Rarity(frequencies, len(references))


def _similarity(tokens: list[str], reference: list[str], order: int, rarity: Rarity) -> float:
    mine, theirs = (rarity.weigh(_grams(one, order)) for one in (tokens, reference))
    product = sum(min(weight, theirs.get(gram, 0.0)) * theirs.get(gram, 0.0) for gram, weight in mine.items())
    norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
    return math.exp(-((len(tokens) - len(reference)) ** 2) / (2 * SIGMA**2)) * product / (norms or 1.0)


def _grams(tokens: list[str], order: int) -> Counts:
    return Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))


def _tokenizer() -> Callable[[str], str]:
    from sacrebleu.metrics.bleu import BLEU  # no other metric waits for it

    tokenizer: Callable[[str], str] = BLEU(tokenize="13a").tokenizer
    return tokenizer
