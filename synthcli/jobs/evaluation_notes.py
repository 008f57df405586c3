"""What a reader of a figure should know: what the model could not be shown, what the metric does not see."""

from collections.abc import Sequence

import numpy as np

from synthcli.data.corpora import CORPORA
from synthcli.data.examples import Examples
from synthcli.data.forms import NAMED, PLAIN
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.rouge import WORTH_SAYING, count_dropped

READ_AS = {
    NAMED: "each field after its name; `--form plain` reads them alone",
    PLAIN: "the fields alone, several as a pair; `--form named` puts their names before them",
}
BLEU_ORDER = 4  # the longest n-grams it counts


def notes_on(examples: Examples, metric: str, config: EvaluationConfig) -> tuple[str, ...]:
    """Say what of the text the model could not be shown, and what the metric does not see of it."""
    report, notes = examples.report, [] if examples.note is None else [examples.note]
    if report.truncated_sources:
        notes.append(f"{report.truncated_sources} of {report.rows} sources were longer than the model reads")
    if report.truncated_targets and metric == "perplexity":
        notes.append(f"{report.truncated_targets} of {report.rows} targets were cut at the model's length")
    if metric == "perplexity" and examples.task == "causal-lm" and (why := examples.lacks_words()):
        notes.append(f"no perplexity per word: {why}")
    if metric in ("bleu", "rouge"):
        notes += notes_on_references(examples.texts(np.arange(len(examples))), metric, config)
    notes += notes_on_form(examples)
    unknown, tokens = examples.count_unknown()
    if unknown > WORTH_SAYING * tokens:
        notes.append(f"{100 * unknown / tokens:.1f} % of the split's tokens are unknown to the tokenizer")
    return tuple(notes)


def notes_on_form(examples: Examples) -> list[str]:
    """Say how texts of several fields are read, where the corpus has such."""
    corpus = CORPORA.get(examples.store.corpus)
    if corpus is None or not corpus.has_fields:
        return []
    form = examples.store.tokenizer.form
    return [f"texts are read in the form `{form}`: {READ_AS[form]}"]


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
