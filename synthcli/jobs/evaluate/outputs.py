"""What models wrote: kept beside the result it led to, and scored again without a model."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.outputs import SCORERS, Outputs, read_outputs, samples_to_lines, score_metric
from synthcli.evaluation.result import Figure, Result
from synthcli.evaluation.score import Score
from synthcli.jobs.evaluate.reference_notes import notes_on_references
from synthcli.runs import Run
from synthcli.runs.environment import read_versions

Keep = Callable[[Outputs, list[Score]], None]

SPLIT = "outputs"  # what a result says in place of a split
RECORDED = ("synthcli", "sacrebleu", "rouge-score")


def keeper(lines: list[str]) -> Keep:
    """Return what keeps the lines of outputs."""
    return lambda outputs, scores: lines.append(samples_to_lines(outputs, scores[0]))


def refuse_no_outputs(metric: str, task: str, run: Run | None, asked: bool | None) -> None:
    """Raise where something is asked of outputs, and there are none, or no place for them."""
    if asked is None:
        return
    option = "--save-outputs" if asked else "--no-save-outputs"
    if task != "seq2seq" or metric not in SCORERS:
        message = f"`{option}` has no meaning for `{metric}` of a `{task}` model: no texts are written"
        raise SynthError(message, "leave it out")
    if run is None and asked:
        message = f"`{option}` writes beside the result of a run, and the checkpoint belongs to none"
        raise SynthError(message, "leave it out, or name a run")


def score_file(path: Path, metric: str, rouge_tokenizer: str | None, limit: int | None) -> Result:
    """Score the outputs in a file as those of a model are, the same figures to the last digit."""
    began = time.monotonic()
    outputs, size = read_outputs(path, limit)
    table = {"metrics": (metric,), **({"rouge_tokenizer": rouge_tokenizer} if rouge_tokenizer else {})}
    config = EvaluationConfig.model_validate(table)
    scores = score_metric(metric, outputs, config)
    firsts = [references[0] for references in outputs.references]
    return Result(
        metric=metric,
        figures=tuple(Figure.of(one, config.bootstrap, config.seed) for one in scores),
        samples=len(outputs.hypotheses),
        split_size=size,
        limit=limit,
        corpus=str(path),
        split=SPLIT,
        store=hashlib.sha256(path.read_bytes()).hexdigest(),
        checkpoint=str(path),
        step=0,
        options=config.model_dump(mode="json", include={"rouge_tokenizer", "bootstrap", "seed"}),
        notes=tuple(notes_on_references(firsts, metric, config)),
        seconds=round(time.monotonic() - began, 2),
        versions=read_versions(RECORDED),
    )
