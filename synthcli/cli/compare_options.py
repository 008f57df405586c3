"""The options of `synth compare`."""

from pathlib import Path
from typing import Annotated

import typer

from synthcli.cli.completion import EQUAL, list_presets, list_quantities, make_completer
from synthcli.cli.panels import RESULT, SETTINGS, WORK

Arms = Annotated[
    list[str],
    typer.Argument(
        metavar="ARM ARM...",
        help="Presets, files, or 'NAME=PRESET: KEY=VALUE …'; the first is the baseline.",
        autocompletion=make_completer(list_presets),
    ),
]
Seeds = Annotated[int, typer.Option(min=1, help="Runs of each arm.", rich_help_panel=SETTINGS)]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC",
        autocompletion=make_completer(list_quantities),
        help="What is compared; may be given several times.",
        show_default="the first metric of the baseline's preset",
        rich_help_panel=SETTINGS,
    ),
]
Margin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIFFERENCE",
        help="What is too small to matter; METRIC=DIFFERENCE where there are several.",
        show_default="the metric's, docs/compare.md",
        rich_help_panel=SETTINGS,
    ),
]
Equal = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WHAT",
        help="What every arm has as much of as the baseline: steps, tokens, flops or time; parameters.",
        autocompletion=make_completer(EQUAL),
        rich_help_panel=SETTINGS,
    ),
]
Ladder = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD=V1,V2,…",
        help="Train every arm at each value, say steps=250,500,1000; fit loss over compute.",
        rich_help_panel=SETTINGS,
    ),
]
Records = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Records of runs, also of other machines, that count as runs.",
        rich_help_panel=WORK,
    ),
]
OnlyPlan = Annotated[
    bool, typer.Option("--plan", help="Say what it takes; train nothing.", rich_help_panel=RESULT)
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Runs at a time.",
        show_default="as many as cores, or as GPUs",
        rich_help_panel=WORK,
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where the report goes.", rich_help_panel=RESULT)
]
NoiseFloor = Annotated[
    bool,
    typer.Option(
        "--noise-floor",
        help="Of one preset: keep with the presets how far its seeds vary; comparisons of few seeds use it.",
        rich_help_panel=WORK,
    ),
]
Times = Annotated[
    bool,
    typer.Option(
        "--times",
        help="Measure a step of each arm when all runs are done: in turn, nothing beside.",
        rich_help_panel=RESULT,
    ),
]
Samples = Annotated[
    bool,
    typer.Option(
        "--samples",
        help="The arms are files of `lm_eval --log_samples`: paired tests over their documents.",
        rich_help_panel=WORK,
    ),
]
FailIfWorse = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="DIFFERENCE",
        help="End with code 1 where an arm may be worse by as much, by the first metric.",
        rich_help_panel=RESULT,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=RESULT)]
