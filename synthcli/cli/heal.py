"""`synth heal`: train a compressed model as a whole towards its teacher."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_student
from synthcli.cli.completion import complete, list_runs
from synthcli.cli.compress_options import AsJson, Corpus, MaxLength, Preset, Scale, Seed
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import resuming
from synthcli.cli.panels import MODEL, RESULT, TEXT, TRAINING
from synthcli.cli.run_options import RunName, Track
from synthcli.cli.source_option import Source
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.train import Trained

Checkpoint = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A student: a run, its id, its name, or a folder.",
        show_default="the newest",
        autocompletion=complete(list_runs),
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="A run, id, preset, checkpoint or folder.",
        show_default="whose student it is",
        rich_help_panel=MODEL,
        autocompletion=complete(list_runs),
    ),
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Training steps.", show_default="1,000", rich_help_panel=TRAINING)
]
LearningRate = Annotated[
    float | None,
    typer.Option("--lr", min=1e-9, help="Peak learning rate.", show_default="1e-4", rich_help_panel=TRAINING),
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Sequences of a step.", show_default="the preset's", rich_help_panel=TRAINING),
]
TrainOnly = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Parameters that learn, such as `encoder.blocks.2.*`; repeatable.",
        rich_help_panel=TRAINING,
    ),
]
Hidden = Annotated[
    float | None,
    typer.Option(
        metavar="WEIGHT",
        min=0,
        help="Of the error of hidden states, layer by layer.",
        rich_help_panel=TRAINING,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(min=1e-3, help="Divides the logits of both.", show_default="1", rich_help_panel=TRAINING),
]
Plain = Annotated[
    bool,
    typer.Option("--plain", help="Hide no words, though the model was trained so.", rich_help_panel=TEXT),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a healing that is not complete.", rich_help_panel=RESULT)
]

# figures of a healing, and their columns: of models that predict, and of encoders without a head
PREDICTED = ("divergence", "agreement", "KL, nats", "same top-1 token")
HIDDEN = ("cosine", "neighbours", "cosine of hidden states", "same neighbour")


def heal(
    checkpoint: Checkpoint = None,
    teacher: Teacher = None,
    steps: Steps = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    train_only: TrainOnly = None,
    hidden: Hidden = None,
    temperature: Temperature = None,
    plain: Plain = False,
    preset: Preset = None,
    scale: Scale = None,
    corpus: Corpus = None,
    source: Source = None,
    max_length: MaxLength = None,
    seed: Seed = None,
    name: RunName = None,
    track: Track = None,
    resume: Resume = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a student towards its teacher's distribution at every position.

    Examples:

    ```
    synth heal
    synth heal RUN --hidden 0.5 --steps 2000
    synth heal RUN --train-only "encoder.blocks.2.*"
    synth heal --resume
    ```
    """
    from synthcli.cli.train import chosen_trackers, watching
    from synthcli.jobs.heal import heal as healed
    from synthcli.jobs.heal import resume_healing
    from synthcli.jobs.heal_asked import HealAsked, request_of
    from synthcli.runs import MADE
    from synthcli.runs.naming import refuse_name

    asked = HealAsked(
        teacher=teacher,
        steps=steps,
        learning_rate=lr,
        batch_size=batch_size,
        hidden=hidden,
        temperature=temperature,
        train_only=tuple(train_only) if train_only else None,
        plain=plain,
        corpus=corpus,
        source=source,
        max_length=max_length,
        seed=seed,
        name=name,
    )
    if resume and (asked != HealAsked(teacher=teacher) or preset or scale):
        message = "`--resume` goes on with the run's own settings, and others are given"
        raise SynthError(message, "leave them out, or begin anew without `--resume`")
    refuse_name(name)
    trackers = chosen_trackers(track)
    if checkpoint is None and not resume:
        checkpoint = str(choose_student(None, MADE, "the newest student that is not healed"))
    elsewhere = ["--teacher", teacher] if resume and teacher else []
    with (
        resuming("heal"),
        watching(checkpoint or "healing", trackers) as watcher,
        screen.showing_lost(lambda lost: show(lost, as_json)),
    ):
        if resume:
            trained = resume_healing(checkpoint, watcher, teacher)
        else:
            trained = healed(request_of(checkpoint or "", asked, preset, scale), watcher)
    report(trained, as_json, elsewhere)


def report(trained: "Trained", as_json: bool, elsewhere: Sequence[str] = ()) -> None:
    """Say how near student and teacher have come; an interrupted run ends the command."""
    from synthcli.cli.train import saved
    from synthcli.runs.verbs import tracker_words

    outcome, run = trained.outcome, trained.run
    account: dict[str, Any] = run.read_results()["compress"]
    if outcome is not None and outcome.is_interrupted:
        raise saved("heal", outcome, run.path, *elsewhere, *tracker_words(run))
    show(account | {"run": str(run.path)}, as_json)
    if not as_json:
        screen.say(f"wrote `{run.path / 'checkpoints' / 'last'}`")
        screen.say(f"next: `synth eval teacher-agreement {run.path}`")


def show(account: dict[str, Any], as_json: bool) -> None:
    """Print how near student and teacher were, and are."""
    if as_json:
        return screen.data(json.dumps(account, indent=2, ensure_ascii=False))
    before, after = account["before"], account["after"]
    first, second, *names = HIDDEN if "cosine" in before else PREDICTED
    rows = [
        [word, f"{near[first]:.4f}", f"{near[second]:.1%}", f"{near['positions']:,}"]
        for word, near in (("before", before), ("after", after))
    ]
    columns = ["", *names, "positions"]
    return screen.table("plain text held out", columns, rows, right=frozenset({1, 2, 3}))
