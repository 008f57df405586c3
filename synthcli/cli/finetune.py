"""`synth finetune`: go on from a checkpoint, on another corpus or for another task."""

import shlex
from typing import Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_start
from synthcli.cli.completion import FORMS, TASKS, complete_runs, list_corpora, list_presets, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import tell_how_to_resume
from synthcli.cli.panels import MODEL, SETTINGS, TEXT
from synthcli.cli.presets import Scale, Set
from synthcli.cli.run_options import RunName, Track
from synthcli.cli.source_option import Source

Checkpoint = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A run, its id, its preset, or a folder.",
        show_default="the newest",
        autocompletion=make_completer(complete_runs),
    ),
]
Corpus = Annotated[
    str,
    typer.Option(
        help="What to train on: `synth corpora` lists them.",
        rich_help_panel=TEXT,
        autocompletion=make_completer(list_corpora),
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="causal-lm, masked-lm, seq2seq or classification.",
        show_default="what the corpus is for",
        rich_help_panel=MODEL,
        autocompletion=make_completer(TASKS),
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="Take training settings from here, not from the checkpoint's preset.",
        rich_help_panel=SETTINGS,
        autocompletion=make_completer(list_presets),
    ),
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PART",
        help="A part that does not learn: `encoder`, `embeddings`; repeatable.",
        rich_help_panel=MODEL,
        autocompletion=make_completer(("encoder", "decoder", "embeddings")),
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
NewVocabulary = Annotated[
    bool,
    typer.Option(
        "--new-vocabulary",
        help="Learn the pieces of the corpus instead of keeping the checkpoint's.",
        rich_help_panel=TEXT,
    ),
]


def finetune(
    *,
    checkpoint: Checkpoint = None,
    corpus: Corpus,
    source: Source = None,
    task: Task = None,
    preset: Preset = None,
    scale: Scale = None,
    freeze: Freeze = None,
    form: Form = None,
    new_vocabulary: NewVocabulary = False,
    set_: Set = None,
    name: RunName = None,
    track: Track = None,
    device: Device = "auto",
) -> None:
    """Train on from a checkpoint, saying which weights were loaded, are new, were dropped or resized.

    Examples:

    ```
    synth finetune wmt14-dense --corpus copy
    synth finetune RUN --corpus ag-news --source DIR --freeze encoder
    synth finetune RUN --source reviews.csv --corpus csv:text=review,label=mood
    ```
    """
    from synthcli.cli.train import TrainingScreen, chosen_trackers, report_training
    from synthcli.jobs.finetune import Adaptation, adapt_experiment
    from synthcli.jobs.train import train_experiment
    from synthcli.runs.naming import refuse_run_name

    refuse_run_name(name)
    trackers = chosen_trackers(track)
    adaptation = Adaptation(
        corpus, source, task, preset, scale, tuple(freeze or ()), new_vocabulary, tuple(set_ or ()), form
    )
    experiment = adapt_experiment(choose_start(checkpoint), adaptation, screen.say).with_name(name)
    with tell_how_to_resume("train"), TrainingScreen(experiment.name, trackers) as observer:
        trained = train_experiment(experiment, observer, "finetune")
    report_training(trained)
    command = shlex.join(["synth", "eval", experiment.evaluation.metrics[0], str(trained.run.path)])
    screen.say(f"next: `{command}`")
