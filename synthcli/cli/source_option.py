"""`--source` of every command that reads a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from synthcli.cli.panels import TEXT

SOURCE_HELP = "The corpus's files: its publisher's, `synth corpora show NAME`; or your own, docs/own-data.md."
Source = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help=SOURCE_HELP,
        rich_help_panel=TEXT,
    ),
]
