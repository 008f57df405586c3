"""Texts a model wrote, beside those they are compared with: scored, kept as JSON lines, and read again."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.evaluation.accuracy import exact_match
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.cider import cider
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.rouge import rouge
from synthcli.evaluation.score import Score
from synthcli.safe_read import explain_bad_text, parse_json, read_bytes

LARGEST = 2**31  # bytes of a file of outputs
NAMED = 3  # bad lines of a message
FORM = 'a line is `{"references": [TEXT], "hypothesis": TEXT}`, as `synth eval` writes it'

Row = tuple[str | None, tuple[str, ...], str]  # source, references, hypothesis


@dataclass(frozen=True)
class Outputs:
    """What was read, what it is compared with, and what was written, by sample in the corpus's order.

    Every sample has as many references; a source that nobody kept is None.
    """

    sources: Sequence[str | None]
    references: Sequence[tuple[str, ...]]
    hypotheses: Sequence[str]

    def streams(self) -> list[list[str]]:
        """Return the first reference of every sample, then the second of every one, and so on."""
        return [list(stream) for stream in zip(*self.references, strict=True)]


def _score_bleu(outputs: Outputs, config: EvaluationConfig) -> list[Score]:
    return bleu(outputs.hypotheses, *outputs.streams())


def _score_rouge(outputs: Outputs, config: EvaluationConfig) -> list[Score]:
    return rouge(outputs.hypotheses, only_references(outputs, "rouge"), config.rouge_tokenizer)


def _cider(outputs: Outputs, config: EvaluationConfig) -> list[Score]:
    return cider(outputs.hypotheses, *outputs.streams())


def _score_exact_match(outputs: Outputs, config: EvaluationConfig) -> list[Score]:
    return exact_match(outputs.hypotheses, only_references(outputs, "accuracy"))


SCORERS: dict[str, Callable[[Outputs, EvaluationConfig], list[Score]]] = {
    "bleu": _score_bleu,
    "rouge": _score_rouge,
    "cider": _cider,
    "accuracy": _score_exact_match,
}


def score_metric(metric: str, outputs: Outputs, config: EvaluationConfig) -> list[Score]:
    """Return the scores of a metric of texts, the principal one first."""
    return SCORERS[metric](outputs, config)


def only_references(outputs: Outputs, metric: str) -> list[str]:
    """Return the reference of every sample; raises where there are several."""
    first, *others = outputs.streams()
    if others:
        message = f"`{metric}` compares with one reference, and there are {1 + len(others)}"
        raise SynthError(message, "`synth eval bleu` takes several")
    return first


def samples_to_lines(outputs: Outputs, principal: Score) -> str:
    """Return a line of JSON a sample; its score is the principal figure of that sample alone."""
    rows = zip(outputs.sources, outputs.references, outputs.hypotheses, principal.sampled.each(), strict=True)
    return "".join(
        json.dumps(
            {"source": source, "references": references, "hypothesis": text, "score": round(value, 4)},
            ensure_ascii=False,
        )
        + "\n"
        for source, references, text, value in rows
    )


def read_outputs(path: Path, limit: int | None = None) -> tuple[Outputs, int]:
    """Read the first lines of a file, and count all: JSON with `hypothesis`, and `references` or `reference`.

    Lines that are bad are named by their numbers.
    """
    lines = _lines_of(path)
    rows: list[Row] = []
    bad = []
    for number, line in enumerate(lines[:limit], start=1):
        try:
            rows.append(_read_output(line, len(rows[0][1]) if rows else None))
        except ValueError as error:
            bad.append(f"line {number}: {explain_bad_text(error).removesuffix(' at line 1')}")
    if bad or not rows:
        shown = [*bad[:NAMED], *([f"{len(bad) - NAMED:,} more"] if len(bad) > NAMED else [])]
        message = f"`{path}` cannot be scored: {'; '.join(shown)}" if bad else f"`{path}` holds no line"
        raise SynthError(message, FORM)
    sources, references, hypotheses = zip(*rows, strict=True)
    return Outputs(sources, references, hypotheses), len(lines)


def _lines_of(path: Path) -> list[bytes]:
    try:
        lines = read_bytes(path, LARGEST).split(b"\n")
    except OSError as error:
        message = f"`{path}` cannot be read: {str(error.strerror or error).lower()}"
        raise SynthError(message, "name a file that `synth eval` wrote with its outputs") from error
    return lines[:-1] if lines[-1] == b"" else lines


def _read_output(line: bytes, count: int | None) -> Row:
    """Return source, references and hypothesis of a line; ValueError says what is wrong with it."""
    table = parse_json(line) if line.strip() else None
    if not isinstance(table, dict):
        raise ValueError("no JSON object" if line.strip() else "empty")
    references = table.get("references", [table["reference"]] if "reference" in table else None)
    if not isinstance(references, list) or not references or not all(isinstance(r, str) for r in references):
        raise ValueError("`references` is no list of texts")
    if count not in (None, len(references)):
        raise ValueError(f"{len(references)} references, and {count} before")
    text, source = table.get("hypothesis"), table.get("source")
    if not isinstance(text, str):
        raise ValueError("`hypothesis` is no text")
    return source if isinstance(source, str) else None, tuple(references), text
