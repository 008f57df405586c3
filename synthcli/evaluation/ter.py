"""TER by sacreBLEU: edits and shifts that make a hypothesis its reference  (Snover et al. 2006)."""

from collections.abc import Sequence

import numpy as np

from synthcli.evaluation.bleu import sum_up
from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.score import Score


def corpus_ter(name: str, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
    """Return 100 · edits / words of the reference, of several the fewest edits and their mean length."""
    from sacrebleu.metrics.ter import TER

    metric = TER()
    statistics = sum_up(metric, hypotheses, references)
    protocol = "100 · (edits + shifts) / reference words, tercom, lower case; may pass 100"
    return Score(name, Sampled(statistics, ter_of), protocol, str(metric.get_signature()), False)


def ter_of(sums: Array) -> Array:
    """Edits over words in per cent; 100 where there are edits and no words."""
    edits, words = sums[..., 0], sums[..., 1]
    return 100 * np.where(words > 0, edits / np.where(words > 0, words, 1), np.sign(edits))
