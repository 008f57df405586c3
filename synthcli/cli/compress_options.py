"""Options that the commands share which compress a model, beside those that are settings of `[compress]`."""

from typing import Annotated

import typer

from synthcli.cli.completion import SCALES, list_presets, make_completer
from synthcli.cli.panels import RESULT, SETTINGS

Preset = Annotated[
    str | None,
    typer.Option(
        help="Take all of it from a preset with `[compress]`.",
        rich_help_panel=SETTINGS,
        autocompletion=make_completer(list_presets),
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="With --preset: smoke, hour, day or paper.",
        rich_help_panel=SETTINGS,
        autocompletion=make_completer(SCALES),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RESULT)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and what it takes.", rich_help_panel=RESULT)
]
