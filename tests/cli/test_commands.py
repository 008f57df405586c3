"""The table of commands, of which none is imported until it is called."""

import inspect

import pytest

from synthcli.cli import COMMANDS
from synthcli.cli.lazy import LazyCommand


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_list_of_commands_says_what_the_help_of_each_begins_with(command: LazyCommand) -> None:
    first = inspect.cleandoc(command.command.help).split("\n\n")[0]
    assert command.help == first.replace("\n", " ")


def test_every_command_is_named_once() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names) > 20
