"""What metrics of text do not see of the references."""

from collections.abc import Sequence

from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.rouge import WORTH_SAYING, count_dropped

BLEU_ORDER = 4  # the longest n-grams it counts


def notes_on_references(texts: Sequence[str], metric: str, config: EvaluationConfig) -> list[str]:
    """Say what a metric does not see of the texts it compares with."""
    if metric == "bleu" and sum(len(text.split()) for text in texts) < BLEU_ORDER * len(texts):
        return ["references are shorter than 4 words: BLEU, which counts 4-grams, is 0; see exact_match"]
    if metric == "rouge" and config.rouge_tokenizer == "ascii":
        dropped, letters = count_dropped(texts)
        if dropped > WORTH_SAYING * letters:
            share = (
                f"{100 * dropped / letters:.1f} % of the references' letters are none of a to z and dropped"
            )
            return [f"{share}; `--rouge-tokenizer unicode` keeps them"]
    return []
