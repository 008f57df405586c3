"""The options of an original model, kept as strings; a wrong one is refused by name."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from synthcli.errors import SynthError, did_you_mean
from synthcli.importers.base import ImportSource
from synthcli.importers.refusals import Only, check_options

T = TypeVar("T")

SWITCHES = {"True": True, "False": False}
MOST = 1_000_000_000  # of anything that is counted
NOTES = "_note"  # how a remark beside the options ends


@dataclass(frozen=True)
class OriginalOptions:
    """`family` names the original in errors; "None" means an absent value."""

    family: str
    values: Mapping[str, str]

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, "None")
        if value != "None":
            return value
        if default is None:
            raise SynthError(
                f"the options of the {self.family} lack `{key}`", "give the options the model was built with"
            )
        return default

    def says(self, key: str) -> bool:
        """Whether the option is there."""
        return self.values.get(key, "None") != "None"

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number; without a default it must be there."""
        value = self.text(key, None if default is None else str(default))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            message = f"`{key} = {value:.40}` of the {self.family} is not a number"
            raise SynthError(message, "give the options the model was built with")
        return number

    def whole(self, key: str, default: int | None = None, most: int = MOST) -> int:
        """Return a positive whole number; what counts more than there can be of it is refused, too."""
        value = self.number(key, default)
        if value < 1 or value != int(value):
            message = f"`{key} = {value:g}` of the {self.family} is not a positive whole number"
            raise SynthError(message, "give the options the model was built with")
        if value > most:
            message = f"`{key} = {value:g}` of the {self.family} is more than {most}"
            raise SynthError(message, "the weights do not belong to these options")
        return int(value)

    def switch(self, key: str, default: bool = False) -> bool:
        return self.one_of(key, SWITCHES, str(default))

    def one_of(self, key: str, table: Mapping[str, T], default: str | None = None) -> T:
        """Return what the table says of the option's word."""
        value = self.text(key, default)
        if value not in table:
            raise SynthError(f"unknown `{key} = {value}` of the {self.family}", did_you_mean(value, table))
        return table[value]

    def check(self, rules: Iterable[Only], known: Collection[str]) -> None:
        """Raise where an option is unknown, or has a value that we cannot express."""
        for key in self.values:
            if key not in known and not key.endswith(NOTES):
                raise SynthError(f"unknown option `{key}` of the {self.family}", did_you_mean(key, known))
        said = {key: value for key, value in self.values.items() if value != "None"}
        check_options(rules, said, f"the {self.family}")


def accept_options(request: ImportSource, known: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the options of a request; one that the origin does not have is refused by name."""
    for key in request.options:
        if key not in known:
            raise SynthError(f"unknown option `{key}` of `--from {origin}`", did_you_mean(key, known))
    return dict(request.options)


def refuse_unseen_option(key: str, why: str, examples: str) -> SynthError:
    """Return the error of something that no tensor shows."""
    return SynthError(f"no weight shows `{key}`: {why}", f"say it: {examples}")


def single_heads(request: ImportSource) -> int | None:
    """Return the one number of heads that was given, if any."""
    if len(set(request.heads)) > 1:
        shown = ",".join(map(str, request.heads))
        raise SynthError(f"`--heads {shown}` names several, and every layer has the same here", "name one")
    return request.heads[0] if request.heads else None


def describe_values(how: str, values: Mapping[str, str]) -> str:
    """Return a line that names options and their values."""
    return f"{how}: " + ", ".join(f"`{key} = {value}`" for key, value in values.items()) if values else ""
