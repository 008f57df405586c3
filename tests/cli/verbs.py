"""Every command there is, with words that it parses."""

from collections.abc import Iterator
from typing import Any

from synthcli.cli import COMMANDS


def leaves() -> dict[str, Any]:
    """Return every command that carries something out, by its words."""
    return dict(sorted(_below("", {command.name: command for command in COMMANDS})))


def _below(parent: str, commands: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, command in commands.items():
        loaded, words = getattr(command, "loaded", command), f"{parent} {name}".strip()
        if below := getattr(loaded, "commands", {}):
            yield from _below(words, below)
        else:
            yield words, loaded


def parsed(command: Any) -> list[str]:
    """Return what must be given to a command, with values that mean nothing."""
    words = []
    for parameter in command.params:
        if parameter.required:
            value = "1" if "int" in str(parameter.bare_type()) else "x"
            words += [value] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
    return words
