"""The options of `synth tune`, and of `synth compare --tune`."""

from typing import Annotated

import typer

from synthcli.cli.panels import TUNE

Over = Annotated[
    list[str],
    typer.Option(
        "--over",
        metavar="KEY=LOW..HIGH",
        help="A setting and where to look for it, or KEY=A|B; repeatable.",
        rich_help_panel=TUNE,
    ),
]
Tune = Annotated[
    list[str] | None,
    typer.Option(
        "--tune",
        metavar="KEY=LOW..HIGH",
        help="Find this setting for every arm first, by validation loss; or KEY=A|B; repeatable.",
        rich_help_panel=TUNE,
    ),
]
Trials = Annotated[
    int, typer.Option(min=2, help="Points that are tried, the same for every arm.", rich_help_panel=TUNE)
]
Halving = Annotated[
    bool,
    typer.Option(
        "--halving",
        help="Stop the worse half of the trials at a quarter and at a half of the schedule.",
        rich_help_panel=TUNE,
    ),
]
