"""`synth score`: one file of outputs, every protocol."""

import json
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.completion import SCORE_TASKS
from synthcli.cli.results import LARGE
from synthcli.cli.score_options import (
    AsJson,
    Bytes,
    CountedText,
    Ends,
    IsTokenised,
    Language,
    LogBase,
    Nats,
    OutputsFile,
    Positive,
    Protocols,
    References,
    RougeData,
    ScoreRougeTokenizer,
    ScoreTask,
    Separator,
    Tokens,
    Words,
)
from synthcli.errors import SynthError, did_you_mean

if TYPE_CHECKING:
    from synthcli.jobs.score.score import ProtocolFigure, ScoreReport

COLUMNS = ["protocol", "value", "95 % interval", "signature", "used by"]
IN_FULL = ("loss", "bits_per_byte", "bits_per_byte_no_end")  # papers print more digits of them
OF_SCRIPT = "-perl"  # figures with the digits that ROUGE-1.5.5 prints


def score(
    task: ScoreTask,
    outputs: OutputsFile = None,
    references: References = None,
    separator: Separator = None,
    language: Language = None,
    tokenised: IsTokenised = False,
    positive: Positive = None,
    protocol: Protocols = None,
    rouge_tokenizer: ScoreRougeTokenizer = "ascii",
    rouge_data: RougeData = None,
    nats: Nats = None,
    tokens: Tokens = None,
    words: Words = None,
    bytes_: Bytes = None,
    ends: Ends = None,
    text: CountedText = None,
    log_base: LogBase = "e",
    as_json: AsJson = False,
) -> None:
    """Score one file of outputs by every protocol of its task, and say which papers used which.

    Examples:

    ```
    synth score out.de --references ref.de --task translation
    synth score out.tok --references ref.tok --tokenised --task translation
    synth score RESULT.outputs.jsonl --task summarisation
    synth score guesses.txt --references labels.txt --task classification
    synth score --nats 90210 --tokens 30000 --words 20000 --task language-model
    ```
    """
    if task not in SCORE_TASKS:
        raise SynthError(f"`--task {task}` is unknown", did_you_mean(task, SCORE_TASKS))
    from synthcli.jobs.score.inputs import ScoreRequest
    from synthcli.jobs.score.score import score_outputs

    request = ScoreRequest(
        task=task,
        outputs=outputs,
        references=tuple(references or ()),
        protocols=tuple(dict.fromkeys(protocol or ())),
        separator=separator,
        language=language,
        is_tokenised=tokenised,
        rouge_tokenizer=rouge_tokenizer,
        rouge_data=rouge_data,
        positive=positive,
        nats=nats,
        tokens=tokens,
        words=words,
        bytes=bytes_,
        ends=ends,
        text=text,
        log_base=log_base,
    )
    report = score_outputs(request)
    if as_json:
        return screen.data(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    return show_scores(report)


def show_scores(report: "ScoreReport") -> None:
    """Print a row for each protocol, then what the reader should know."""
    samples = f"{report.samples:,} sample{'s' * (report.samples != 1)}"
    title = f"{report.task}: {samples}" + (f" of {report.outputs}" if report.outputs else "")
    rows = [_format_figure(one) for one in report.figures]
    screen.table(title, COLUMNS, rows, right=frozenset({1}), least=(2, 4))
    for name, why in report.left_out.items():
        screen.say(f"left out: `{name}`: {why}")
    for one in report.figures:
        if one.line is not None:
            screen.say(f"`{one.figure.name}` as multi-bleu.perl prints it: {one.line}")
    for note in report.notes:
        screen.say(f"note: {note}")
    if report.not_known:
        screen.say(f"not known by which protocol: {'; '.join(report.not_known)}")


def _format_figure(one: "ProtocolFigure") -> list[str]:
    """Return a figure as it is read."""
    figure, name = one.figure, one.figure.name
    interval = "" if figure.interval is None else " – ".join(digits(name, end) for end in figure.interval)
    return [name, digits(name, figure.value), interval, figure.signature, "; ".join(one.papers)]


def digits(name: str, value: float) -> str:
    """Return a value with as many digits as papers and scripts print."""
    if abs(value) >= LARGE:
        return f"{value:.2e}"
    places = 4 if name in IN_FULL else 3 if OF_SCRIPT in name else 2
    return f"{value:.{places}f}"
