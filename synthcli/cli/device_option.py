"""`--device`, which every command has that runs a model."""

from typing import Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import DEVICES, make_completer
from synthcli.cli.panels import WORK
from synthcli.device import on_device


def enter_device(context: typer.Context, word: str) -> str:
    """Have the command run its models there, until it ends."""
    if not context.resilient_parsing:  # a shell completes words: nothing is run
        context.with_resource(on_device(word, screen.say))
    return word


Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        help="auto: a GPU if there is one; cpu, cuda, or cuda:N for GPU N.",
        rich_help_panel=WORK,
        autocompletion=make_completer(DEVICES),
        callback=enter_device,
    ),
]
