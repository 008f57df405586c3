"""Options that every command has that makes a run."""

from typing import Annotated

import typer

from synthcli.cli.completion import TRACKERS, make_completer
from synthcli.cli.panels import RESULT

RunName = Annotated[
    str | None,
    typer.Option(
        "--name",
        "-o",
        metavar="NAME",
        help="What to call the run.",
        show_default="as its preset",
        rich_help_panel=RESULT,
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Tell a tracker too: tensorboard, trackio, wandb or mlflow; repeatable.",
        rich_help_panel=RESULT,
        autocompletion=make_completer(TRACKERS),
    ),
]
