"""The options of `synth tune`, and of `synth compare --tune`."""

from typing import Annotated

import typer

from synthcli.cli.panels import TUNE
from synthcli.errors import SynthError

TRIALS = 8

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
Trials = Annotated[int, typer.Option(min=2, help="Points that are tried.", rich_help_panel=TUNE)]
TrialsOfArms = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=2,
        help="Points that are tried, the same for every arm.",
        show_default=str(TRIALS),
        rich_help_panel=TUNE,
    ),
]
Halving = Annotated[
    bool,
    typer.Option(
        "--halving",
        help="Stop the worse half of the trials at a quarter and at a half of the schedule.",
        rich_help_panel=TUNE,
    ),
]


def read_trial_count(tune: list[str] | None, trials: int | None, halving: bool, noise_floor: bool) -> int:
    """Return how many trials each arm has; raise for what says how to tune where nothing is tuned."""
    if tune and noise_floor:
        message = "a noise floor is of a preset as it is: `--tune` would change it"
        raise SynthError(message, "`synth tune` finds settings; `--set` gives them to the noise floor")
    for option, is_there in {"--trials": trials is not None, "--halving": halving}.items():
        if is_there and not tune:
            raise SynthError(f"`{option}` is of `--tune`", "add `--tune KEY=LOW..HIGH`, or leave it out")
    return trials or TRIALS
