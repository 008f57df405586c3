"""Options that every command has that makes a run."""

from typing import Annotated

import typer

RunName = Annotated[
    str | None,
    typer.Option("--name", "-o", metavar="NAME", help="What to call the run; of its preset if none."),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Tell a tracker too: tensorboard, trackio, wandb or mlflow; repeatable.",
    ),
]
