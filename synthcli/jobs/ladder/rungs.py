"""`--ladder FIELD=VALUE,VALUE,…`: the values of one field that every arm is trained with."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from synthcli.errors import SynthError
from synthcli.presets.lengths import settings_for_steps
from synthcli.presets.overrides import parse_value
from synthcli.presets.schema import Experiment

FEWEST = 3
FORM = "write `--ladder steps=250,500,1000`, or another field with its values: `--ladder size=0.5,1,2`"
STEPS, SIZE = "steps", "size"


@dataclass(frozen=True)
class LadderField:
    """A field and its values: numbers from the smallest, other values as they were given.

    `steps` are those of a training, its schedule in proportion; `size` is a factor of the widths of the arm's
    preset, `model.d_model` and `model.d_ff`; any other field is one of presets.
    """

    name: str
    values: tuple[str, ...]

    def rung(self, value: str) -> str:
        """Return what a rung is called."""
        return f"{self.name}={value}"

    def settings(self, experiment: Experiment, value: str) -> tuple[str, ...]:
        """Return the settings of an arm at a rung."""
        make = MADE.get(self.name)
        return (self.rung(value),) if make is None else make(experiment, float(value))


def parse_ladder(word: str) -> LadderField:
    """Return the ladder that a word of the command line says."""
    name, _, text = word.partition("=")
    values = [value.strip() for value in text.split(",")]
    name = name.strip()
    if not name or not all(values):
        raise SynthError(f"`--ladder {word}` names no field and values", FORM)
    name = STEPS if name == "training.steps" else name
    for value in values:
        _refuse_no_number(name, value)
    if len(values) < FEWEST:
        raise SynthError(f"a ladder has {FEWEST} rungs or more, and `{word}` has {len(values)}", FORM)
    parsed = [parse_value(value) for value in values]
    twice = next((value for place, value in enumerate(values) if parsed[place] in parsed[:place]), None)
    if twice is not None:
        raise SynthError(f"`--ladder {word}` names {twice} twice", "name every value once")
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in parsed):
        values.sort(key=float)
    return LadderField(name, tuple(values))


def _refuse_no_number(name: str, value: str) -> None:
    """Raise where `steps` or `size` has a value that is none."""
    parsed = parse_value(value)
    number = parsed if isinstance(parsed, int | float) and not isinstance(parsed, bool) else None
    if name == STEPS and not (isinstance(number, int) and number > 0):
        raise SynthError(f"`--ladder steps`: `{value}` is no number of steps", FORM)
    if name == SIZE and not (number is not None and math.isfinite(number) and number > 0):
        raise SynthError(f"`--ladder size`: `{value}` is no factor of a width", FORM)


def _steps(experiment: Experiment, steps: float) -> tuple[str, ...]:
    try:
        return settings_for_steps(experiment, int(steps))
    except ValueError as error:
        raise SynthError(str(error), "say how long: `--set training.steps=…`") from error


def _width(experiment: Experiment, factor: float) -> tuple[str, ...]:
    """Return widths times a factor, multiples of twice the heads: a head's dimensions are even."""
    model = experiment.model
    unit = 2 * getattr(model.mixer, "heads", 1)
    widths = {"d_model": model.d_model, "d_ff": model.d_ff}
    return tuple(
        f"model.{name}={max(unit, unit * round(factor * width / unit))}"
        for name, width in widths.items()
        if width is not None
    )


MADE: dict[str, Callable[[Experiment, float], tuple[str, ...]]] = {STEPS: _steps, SIZE: _width}
