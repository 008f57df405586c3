"""`--engine` and `--address`: whether runs are made on this machine or on a cluster."""

from typing import Annotated

import typer

from synthcli.cli.completion import ENGINES, make_completer
from synthcli.cli.panels import WORK

Engine = Annotated[
    str,
    typer.Option(
        help="local: runs on this machine; ray: on a cluster, whose records come back.",
        rich_help_panel=WORK,
        autocompletion=make_completer(ENGINES),
    ),
]
Address = Annotated[
    str | None,
    typer.Option(help="Where the Ray cluster is.", show_default="one is started here", rich_help_panel=WORK),
]
