"""Every command there is, with words that it parses."""

from collections.abc import Iterator, Sequence
from typing import Any

from typer.main import get_command

from synthcli.cli import COMMANDS, app


def leaves() -> dict[str, Any]:
    """Return every command that carries something out, by its words."""
    return dict(sorted(_below("", {command.name: command for command in COMMANDS})))


def _below(parent: str, commands: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, command in commands.items():
        loaded, words = getattr(command, "command", command), f"{parent} {name}".strip()
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


def command_of(words: Sequence[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and the words for it."""
    command: Any = get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
        command = getattr(command, "command", command)
    return command, rest
