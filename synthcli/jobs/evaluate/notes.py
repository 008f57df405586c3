"""What a reader of a figure should know: what the model could not be shown, what the metric does not see."""

import numpy as np

from synthcli.data.corpora import CORPORA
from synthcli.data.examples.examples import Examples
from synthcli.data.tokenizers.base import NAMED, PLAIN
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.rouge import WORTH_SAYING
from synthcli.jobs.evaluate.reference_notes import notes_on_references

READ_AS = {
    NAMED: "each field after its name; `--form plain` reads them alone",
    PLAIN: "the fields alone, several as a pair; `--form named` puts their names before them",
}


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
