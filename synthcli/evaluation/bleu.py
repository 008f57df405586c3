"""BLEU and chrF by sacreBLEU  (Papineni et al. 2002; Popović 2015; Post 2018)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

ORDERS = 4
LENGTHS, CORRECT, TOTAL = slice(0, 2), slice(2, 2 + ORDERS), slice(2 + ORDERS, 2 + 2 * ORDERS)


def bleu(hypotheses: Sequence[str], *references: Sequence[str]) -> list[Score]:
    """Return corpus BLEU, chrF2 and BLEU-1 of detokenised text.

    `references` are the first of each, the second, …
    """
    words = corpus_bleu("bleu1", hypotheses, references, orders=1)
    return [corpus_bleu("bleu", hypotheses, references), corpus_chrf("chrf", hypotheses, references), words]


def corpus_bleu(
    name: str,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenizer: str = "13a",
    orders: int = ORDERS,
) -> Score:
    """Return BLEU of detokenised text by one of sacreBLEU's tokenizers, of n-grams up to `orders`."""
    from sacrebleu.metrics.bleu import BLEU  # no other metric waits for it

    metric = BLEU(force=True, tokenize=tokenizer, max_ngram_order=orders)  # it warns of final full stops
    statistics = sum_up(metric, hypotheses, references)
    what = "corpus BLEU" if orders == ORDERS else f"corpus BLEU-{orders}"
    protocol = f"{what} on detokenised text, tokenizer {tokenizer}, exponential smoothing, 0-100"
    return Score(name, Sampled(statistics, bleu_of), protocol, str(metric.get_signature()))


def sum_up(metric: "Metric", hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Array:
    """Return what a metric of sacreBLEU sums over samples, a row each; it then knows its signature."""
    return np.asarray(metric._extract_corpus_statistics(hypotheses, references), dtype=np.float64)


def bleu_of(sums: Array) -> Array:
    """BP · exp(Σ_n log p_n / N) of sums: length, reference length, N counts of matches, N of n-grams.

    An order without a match counts as half, then a quarter, … of one match (smoothing `exp`).
    """
    lengths, (correct, total) = sums[..., :2], np.split(sums[..., 2:], 2, axis=-1)
    empty = correct == 0
    matches = np.where(empty, 0.5 ** np.cumsum(empty, axis=-1), correct)
    log_precision = np.log(np.maximum(matches, 1e-300) / np.maximum(total, 1)).mean(axis=-1)
    log_brevity = np.minimum(0, 1 - lengths[..., 1] / np.maximum(lengths[..., 0], 1e-9))
    has_match = (correct.sum(axis=-1) > 0) & (total > 0).all(axis=-1)
    return np.where(has_match, 100 * np.exp(log_brevity + log_precision), 0.0)


def corpus_chrf(
    name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]], word_order: int = 0
) -> Score:
    """Return chrF2; with n-grams of words up to an order of 2 it is chrF2++  (Popović 2017)."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF(word_order=word_order)
    words = f", word 1- to {word_order}-grams" if word_order else ""
    protocol = f"corpus chrF2{'+' * word_order}, character 1- to 6-grams{words}, 0-100"
    statistics = sum_up(metric, hypotheses, references)
    return Score(name, Sampled(statistics, chrf_of), protocol, str(metric.get_signature()))


def chrf_of(sums: Array) -> Array:
    """F_2 of precision and recall, each a mean over orders of sums (hypothesis, reference, matches)."""
    by_order = sums.reshape(*sums.shape[:-1], -1, 3)
    hypothesis, reference, matches = by_order[..., 0], by_order[..., 1], by_order[..., 2]
    counts = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(counts.sum(axis=-1), 1)
    precision = np.where(counts, matches / np.maximum(hypothesis, 1), 0).sum(axis=-1) / orders
    recall = np.where(counts, matches / np.maximum(reference, 1), 0).sum(axis=-1) / orders
    bottom = 4 * precision + recall
    return np.where(bottom > 0, 100 * 5 * precision * recall / np.maximum(bottom, 1e-300), 0.0)
