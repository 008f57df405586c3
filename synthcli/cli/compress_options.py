"""Options that the commands share which compress a model, and what their values mean."""

import re
from typing import Annotated

import typer

from synthcli.cli.completion import (
    CONDITIONED,
    SCALES,
    complete,
    list_corpora,
    list_presets,
    list_runs,
)
from synthcli.cli.panels import MODEL, RESULT, SETTINGS, TEXT, TRAINING
from synthcli.errors import SynthError
from synthcli.variables import LARGEST_SEED

Teacher = Annotated[
    str | None,
    typer.Option(
        help="A run, id, preset, checkpoint, or a BERT or GPT-2 folder.",
        show_default="the newest encoder",
        rich_help_panel=MODEL,
        autocompletion=complete(list_runs),
    ),
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Sequences of a step.", show_default="32", rich_help_panel=TRAINING)
]
ClosedFormOnly = Annotated[
    bool,
    typer.Option("--closed-form-only", help="The start alone: no gradient step.", rich_help_panel=TRAINING),
]
Conditioned = Annotated[
    str | None,
    typer.Option(
        help="teacher: blocks apart; student or corrected: each after those before it.",
        show_default="teacher",
        rich_help_panel=TRAINING,
        autocompletion=complete(CONDITIONED),
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="Take all of it from a preset with `[compress]`.",
        rich_help_panel=SETTINGS,
        autocompletion=complete(list_presets),
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="With --preset: smoke, hour, day or paper.",
        rich_help_panel=SETTINGS,
        autocompletion=complete(SCALES),
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        help="Text to compress on.",
        show_default="the teacher's own",
        rich_help_panel=TEXT,
        autocompletion=complete(list_corpora),
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Sequences to learn from.", show_default="2,000", rich_help_panel=TEXT),
]
MaxLength = Annotated[int | None, typer.Option(min=3, help="Longest sequence.", rich_help_panel=TEXT)]
CacheLimit = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Largest recording, such as 4GB.", rich_help_panel=TEXT)
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=LARGEST_SEED,
        help="Of starts by chance and of the order of the text.",
        rich_help_panel=SETTINGS,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and what it takes.", rich_help_panel=RESULT)
]


def steps_of(steps: int | None, closed_form_only: bool) -> int | None:
    """Return the steps asked for, of a formula alone none; None where nobody said."""
    if closed_form_only and steps:
        raise SynthError(
            f"`--steps {steps}` and `--closed-form-only` exclude each other", "leave one of them out"
        )
    return 0 if closed_form_only else steps


def bytes_of(word: str) -> int:
    """Return a size such as `500MB` in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", word.strip(), re.IGNORECASE)
    if found is None:
        raise SynthError(f"`--cache-limit {word}` is no size", "write it like `500MB` or `4GB`")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))
