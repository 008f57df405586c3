"""Score a file of outputs by every protocol of its task, and say beside each figure who used it."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from synthcli.errors import SynthError, did_you_mean
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.protocols import COUNT_PROTOCOLS, TEXT_PROTOCOLS, list_protocols
from synthcli.evaluation.protocols.papers import papers_of, unknown_of
from synthcli.evaluation.protocols.settings import CannotScoreError
from synthcli.evaluation.result import Figure
from synthcli.evaluation.score import Score
from synthcli.evaluation.tokenised_bleu import classical_line
from synthcli.jobs.score.inputs import ScoreRequest, read_counts, read_settings, read_texts
from synthcli.jobs.score.notes import notes_on_texts
from synthcli.runs.environment import read_versions

if TYPE_CHECKING:
    import pandas

RECORDED = ("synthcli", "sacrebleu", "rouge-score", "sacremoses")
DEFAULTS = EvaluationConfig(metrics=("bleu",))


@dataclass(frozen=True)
class ProtocolFigure:
    """A figure, the papers that used the same protocol, and the line of the script it follows."""

    figure: Figure
    papers: tuple[str, ...]
    line: str | None = None

    def to_json(self) -> dict[str, object]:
        line = {} if self.line is None else {"line": self.line}
        return asdict(self.figure) | {"papers": list(self.papers)} | line


@dataclass(frozen=True)
class ScoreReport:
    """All figures of a file; `left_out` are protocols that need what is not here, with the reason."""

    task: str
    outputs: str
    sha256: str
    samples: int
    figures: tuple[ProtocolFigure, ...]
    not_known: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a row for each protocol."""
        import pandas

        return pandas.DataFrame([one.to_json() for one in self.figures])

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"figures": [one.to_json() for one in self.figures]}


def score_outputs(request: ScoreRequest) -> ScoreReport:
    """Score a file by the protocols that were asked for, or by all of its task that can be."""
    refuse_unknown(request)
    scores, left_out = {}, {}
    measure, samples, notes = prepare(request)
    for name in request.protocols or list_protocols()[request.task]:
        try:
            scores[name] = measure(name)
        except CannotScoreError as error:
            if request.protocols:
                raise SynthError(f"`{name}` cannot be computed: {error.message}", error.hint) from error
            left_out[name] = f"{error.message}; {error.hint}"
    if not scores:
        name, why = next(iter(left_out.items()))
        raise SynthError(f"nothing can be computed; of `{name}`: {why}", "give what one protocol needs")
    return ScoreReport(
        request.task,
        "" if request.outputs is None else str(request.outputs),
        "" if request.outputs is None else hashlib.sha256(request.outputs.read_bytes()).hexdigest(),
        samples,
        tuple(_attribute(score) for score in scores.values()),
        unknown_of(request.task),
        left_out,
        notes,
        read_versions(RECORDED),
    )


def refuse_unknown(request: ScoreRequest) -> None:
    """Raise for a task or a protocol that there is not."""
    known = list_protocols()
    if request.task not in known:
        raise SynthError(f"`--task {request.task}` is unknown", did_you_mean(request.task, known))
    for name in request.protocols:
        if name not in known[request.task]:
            message = f"`{name}` is no protocol of `{request.task}`"
            raise SynthError(message, did_you_mean(name, known[request.task]))
    request.refuse_others()


def prepare(request: ScoreRequest) -> tuple[Callable[[str], Score], int, tuple[str, ...]]:
    """Read what is to be scored; return what scores it by a protocol, the number of samples, and notes."""
    if request.task == "language-model":
        counts = read_counts(request)
        return lambda name: COUNT_PROTOCOLS[name](counts), counts.samples, ()
    outputs, settings = read_texts(request), read_settings(request)
    protocols = TEXT_PROTOCOLS[request.task]
    notes = notes_on_texts(request, outputs)
    return lambda name: protocols[name](outputs, settings), len(outputs.hypotheses), notes


def _attribute(score: Score) -> ProtocolFigure:
    line = None
    if score.name in ("bleu-tokenised", "bleu-compound"):
        line = classical_line(score.sampled.statistics.sum(axis=0))
    figure = Figure.of(score, DEFAULTS.bootstrap, DEFAULTS.seed)
    return ProtocolFigure(figure, papers_of(score.name), line)
