"""`synth eval`: evaluate checkpoints."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_checkpoint
from synthcli.cli.completion import (
    AGREEMENT,
    FORMS,
    METRICS,
    ROUGE_TOKENIZERS,
    SPLITS,
    complete_runs,
    list_corpora,
    make_completer,
)
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import same_command
from synthcli.cli.panels import DRAWING, MODEL, RESULT, TEXT
from synthcli.cli.results import show_results
from synthcli.cli.source_option import Source
from synthcli.errors import NotWrittenError, Stopped, SynthError, did_you_mean

if TYPE_CHECKING:
    from synthcli.evaluation.result import Result
    from synthcli.jobs.evaluate.evaluate import EvaluationRequest


Metric = Annotated[
    str,
    typer.Argument(
        metavar="METRIC",
        help=f"{', '.join(METRICS)} or {AGREEMENT}.",
        autocompletion=make_completer(METRICS, (AGREEMENT,)),
    ),
]
Checkpoints = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHECKPOINT...",
        help="Runs, ids, presets or folders.",
        show_default="the newest that fits",
        autocompletion=make_completer(complete_runs),
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        help="Evaluate on another corpus than the preset's.",
        rich_help_panel=TEXT,
        autocompletion=make_completer(list_corpora),
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="train, validation (or dev) or test.",
        show_default="the preset's",
        rich_help_panel=TEXT,
        autocompletion=make_completer(SPLITS),
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Only the first examples; the result says so.", rich_help_panel=TEXT)
]
Beam = Annotated[
    int | None, typer.Option(min=1, help="Width of the search; 1 is greedy.", rich_help_panel=DRAWING)
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Examples at once; changes speed, not results.", rich_help_panel=DRAWING),
]
RougeTokenizer = Annotated[
    str | None,
    typer.Option(
        help="Of rouge: ascii, which keeps a to z alone, or unicode.",
        rich_help_panel=DRAWING,
        autocompletion=make_completer(ROUGE_TOKENIZERS),
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        help="How a classifier reads texts of several fields: named or plain.",
        show_default="the checkpoint's",
        rich_help_panel=TEXT,
        autocompletion=make_completer(FORMS),
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="Whose students they are.",
        show_default="the teacher they were made of",
        rich_help_panel=MODEL,
        autocompletion=make_completer(complete_runs),
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        help="A larger model of the same pieces to agree with, too.",
        rich_help_panel=MODEL,
        autocompletion=make_completer(complete_runs),
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Where agreement is drawn over cost; beside the result.", rich_help_panel=RESULT
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Score outputs that were saved, or your own; no model.",
        rich_help_panel=DRAWING,
    ),
]
SaveOutputs = Annotated[
    bool | None,
    typer.Option(
        "--save-outputs/--no-save-outputs",
        help="Keep the texts written beside the result.",
        rich_help_panel=RESULT,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]


def evaluate(
    metric: Metric,
    checkpoints: Checkpoints = None,
    corpus: Corpus = None,
    source: Source = None,
    split: Split = None,
    form: Form = None,
    limit: Limit = None,
    beam: Beam = None,
    batch_size: BatchSize = None,
    rouge_tokenizer: RougeTokenizer = None,
    teacher: Teacher = None,
    reference: Reference = None,
    picture: Picture = None,
    from_: From = None,
    save_outputs: SaveOutputs = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Evaluate checkpoints on the whole test split, with 95 % intervals.

    Examples:

    ```
    synth eval bleu
    synth eval perplexity lm1b-dense lm1b-random
    synth eval bleu RUN/best --split validation --beam 1
    synth eval rouge --from OUTPUTS.jsonl
    synth eval teacher-agreement STUDENT OTHER --teacher RUN
    synth eval accuracy --source new-reviews.csv
    ```
    """
    if metric not in (*METRICS, AGREEMENT):
        raise SynthError(f"unknown metric `{metric}`", did_you_mean(metric, (*METRICS, AGREEMENT)))
    if split is not None:
        from synthcli.data.corpora.source import find_split

        split = find_split(split)
    if from_ is not None:
        model = {"corpus": corpus, "source": source, "split": split, "beam": beam, "batch_size": batch_size}
        others = {
            "form": form,
            "teacher": teacher,
            "reference": reference,
            "picture": picture,
            "save_outputs": save_outputs,
            "device": None if device == "auto" else device,
        }
        refuse_given("--from", **model, **others)
        return evaluate_outputs_file(metric, from_, checkpoints, rouge_tokenizer, limit, as_json)
    if metric == AGREEMENT:
        from synthcli.cli.agreement import evaluate_agreement
        from synthcli.jobs.compress.agreement import AgreementConfig

        refuse_given(metric, beam=beam, batch_size=batch_size, rouge_tokenizer=rouge_tokenizer)
        refuse_given(metric, save_outputs=save_outputs, form=form)
        words = tuple(checkpoints or ())
        request = AgreementConfig(words, teacher, reference, corpus, source, split or "test", limit)
        return evaluate_agreement(request, picture, as_json)
    refuse_given(metric, teacher=teacher, reference=reference, picture=picture)
    if rouge_tokenizer is not None:
        refuse_rouge_tokenizer(metric, rouge_tokenizer)
    from synthcli.jobs.evaluate.evaluate import EvaluationRequest

    options = (limit, beam, batch_size, rouge_tokenizer, form, save_outputs)
    asked = EvaluationRequest(metric, corpus, source, split, *options)
    named: list[str | None] = [*checkpoints] if checkpoints else [None]
    results: list[Result] = []
    try:
        for word in named:
            results.append(evaluate_one(word, asked))
    except SynthError as error:
        results += [cast("Result", error.result)] if isinstance(error, NotWrittenError) else []
        if results:
            show_all(results, as_json)
        raise
    except KeyboardInterrupt:
        if not results:
            raise
        show_all(results, as_json)
        evaluated_now = [str(word) for word in named[: len(results)]]
        kept = f"{len(results)} of {len(named)} checkpoints are evaluated"
        raise Stopped(kept, same_command(evaluated_now), "evaluates the others") from None
    return show_all(results, as_json)


def evaluate_outputs_file(
    metric: str,
    path: Path,
    checkpoints: list[str] | None,
    rouge_tokenizer: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Score outputs in a file."""
    from synthcli.evaluation.outputs import SCORERS

    if metric not in SCORERS:
        scored = ", ".join(f"`{name}`" for name in SCORERS)
        raise SynthError(
            f"`{metric}` is not of texts, and `--from` scores texts", f"metrics that fit: {scored}"
        )
    if checkpoints:
        raise SynthError(
            "`--from` scores what is written already, and a checkpoint is named", "leave one out"
        )
    if rouge_tokenizer is not None:
        refuse_rouge_tokenizer(metric, rouge_tokenizer)
    from synthcli.jobs.evaluate.outputs import score_file

    show_all([score_file(path, metric, rouge_tokenizer, limit)], as_json)


def show_all(results: "list[Result]", as_json: bool) -> None:
    """Print results in one table, or as JSON."""
    if as_json:
        return screen.data(json.dumps([result.to_json() for result in results], indent=2))
    show_results(results)
    return _say_claims(results)


def _say_claims(results: "list[Result]") -> None:
    """Say what was printed for the presets of runs, and whether it compares."""
    from synthcli.jobs.reproduce.claims_beside import describe_claims_of

    for line in dict.fromkeys(line for result in results for line in describe_claims_of(result)):
        screen.say(f"claim: {line}")


def refuse_given(metric: str, **options: object) -> None:
    """Raise for options that a metric does not read."""
    for name, value in options.items():
        if value is not None:
            option = f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
            raise SynthError(f"`{option}` has no meaning for `{metric}`", "leave it out")


def refuse_rouge_tokenizer(metric: str, name: str) -> None:
    """Raise where a tokenizer of ROUGE is unknown or belongs to another metric."""
    if metric != "rouge":
        refuse_given(metric, rouge_tokenizer=name)
    if name not in ROUGE_TOKENIZERS:
        message = f"`--rouge-tokenizer {name}` is unknown"
        raise SynthError(message, did_you_mean(name, ROUGE_TOKENIZERS))


def evaluate_one(word: str | None, request: "EvaluationRequest") -> "Result":
    """Evaluate one checkpoint; without a word, the newest that the metric fits."""
    from synthcli.cli.evaluation_progress import EvaluationBar
    from synthcli.cli.preparing_progress import PreparationBar
    from synthcli.evaluation.measure import METRICS as TASKS_OF
    from synthcli.jobs.evaluate.evaluate import evaluate_checkpoint

    path = choose_checkpoint(
        word, f"the newest that `{request.metric}` fits", TASKS_OF[request.metric].keys()
    )
    with screen.progress(is_transient=True) as bar:
        return evaluate_checkpoint(
            path, request, EvaluationBar(bar, request.metric), PreparationBar(bar, "store")
        )
