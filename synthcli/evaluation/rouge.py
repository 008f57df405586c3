"""ROUGE-L and ROUGE-Lsum  (Lin 2004), by rouge-score."""

from collections.abc import Sequence

from synthcli.evaluation.sampled import mean
from synthcli.evaluation.score import Score

PROTOCOLS = {
    "rougeL": "mean F1 of the longest common subsequence of the whole text, 0-100",
    "rougeLsum": "mean F1 of the union of longest common subsequences by sentence, a sentence a line, 0-100",
}
SIGNATURE = "rouge-score|stemmer:no"


def rouge(hypotheses: Sequence[str], references: Sequence[str]) -> list[Score]:
    """Return rougeL and rougeLsum; sentences of a text are its lines."""
    from rouge_score.rouge_scorer import RougeScorer  # takes long to import, and training would

    scorer = RougeScorer(list(PROTOCOLS), use_stemmer=False)
    found = [scorer.score(reference, text) for text, reference in zip(hypotheses, references, strict=True)]
    return [
        Score(name, mean([100 * one[name].fmeasure for one in found]), protocol, SIGNATURE)
        for name, protocol in PROTOCOLS.items()
    ]
