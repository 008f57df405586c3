"""What a reader of scores should know of the texts."""

from collections.abc import Sequence

from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.outputs import Outputs
from synthcli.jobs.evaluate.reference_notes import notes_on_references
from synthcli.jobs.score.inputs import ScoreRequest, find_rouge_tokenizer

METRICS = {"translation": "bleu", "summarisation": "rouge"}
MOST = 0.5  # of all texts: then they are tokens


def notes_on_texts(request: ScoreRequest, outputs: Outputs) -> tuple[str, ...]:
    """Say what protocols do not see of the texts, and what they take them for."""
    notes = list(_notes_on_form(request, outputs))
    if empty := sum(not text.strip() for text in outputs.hypotheses):
        notes.append(f"{empty:,} of {len(outputs.hypotheses):,} outputs are empty")
    if (metric := METRICS.get(request.task)) is not None:
        firsts = [references[0] for references in outputs.references]
        tokenizer = find_rouge_tokenizer(request.rouge_tokenizer)
        config = EvaluationConfig(metrics=("bleu",), rouge_tokenizer=tokenizer)
        notes += notes_on_references(firsts, metric, config)
    return tuple(notes)


def _notes_on_form(request: ScoreRequest, outputs: Outputs) -> Sequence[str]:
    if request.task == "summarisation" and all(len(refs[0].splitlines()) < 2 for refs in outputs.references):
        return ["every reference is one line, so that `rougeLsum` is `rougeL`; `--separator` parts sentences"]
    if request.task != "translation":
        return []
    if request.is_tokenised:
        return [
            "the texts are tokens: sacreBLEU's figures are of detokenised text, and these compare with none"
        ]
    spaced = sum(text.rstrip().endswith((" .", " !", " ?")) for text in outputs.hypotheses)
    if spaced > MOST * len(outputs.hypotheses):
        said = f"{spaced:,} of {len(outputs.hypotheses):,} outputs end in a full stop that stands alone"
        return [f"{said}: they look tokenised, and sacreBLEU counts detokenised text; `--tokenised` says so"]
    return []
