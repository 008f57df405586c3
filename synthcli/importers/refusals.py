"""What an option of an original may say: the values that ours can express, and why no other.

Each family lists its own; the command line and the functions of Python check the same list, and
`docs/import.md` holds it as a table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from synthcli.errors import SynthError, did_you_mean


@dataclass(frozen=True)
class Only:
    """`option` is imported with the values `imported`; the first is that of a file that does not say."""

    option: str
    imported: tuple[object, ...]
    why: str

    def refusal(self, value: str, of: str, shown: Callable[[object], str] = str) -> SynthError:
        """Return the error of another value; `of` names the model or the file."""
        values = ", ".join(f"`{shown(one)}`" for one in self.imported)
        hint = f"{self.why}; imported: {values}" if values else f"{self.why}; leave the option out"
        return SynthError(f"`{self.option} = {value}` of {of} cannot be expressed", hint)


@dataclass(frozen=True)
class Word(Only):
    """An option whose values are words: one that is unknown may be a slip."""

    def refusal(self, value: str, of: str, shown: Callable[[object], str] = str) -> SynthError:
        """Return the error of an unknown word."""
        words = [shown(one) for one in self.imported]
        return SynthError(f"unknown `{self.option} = {value}` of {of}", did_you_mean(value, words))


def check_options(
    rules: Iterable[Only], values: Mapping[str, object], of: str, shown: Callable[[object], str] = str
) -> None:
    """Raise for the first option whose value is not imported; what is not said has nothing to check."""
    for rule in rules:
        value = values.get(rule.option)
        if value is not None and value not in rule.imported:
            raise rule.refusal(shown(value), of, shown)


def describe_options(rules: Iterable[Only]) -> dict[str, str]:
    """Return what the list of an origin's options says of these: option → what is imported."""
    return {rule.option: "imported: " + ", ".join(map(str, rule.imported)) for rule in rules}
