"""The help of every command: groups of options, defaults, and examples that can be copied and given."""

import re
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from synthcli.cli import app

from .verbs import leaves

LEAVES = leaves()
LARGE = 8  # options; more of them stand in groups
UNSAID = re.compile(r"\bif none\b|\botherwise\b|\bwithout it\b|\bleft out\b|\bby default\b|; else\b")


def shown(words: str) -> list[str]:
    """Return the lines of a command's help on a terminal of 80 columns."""
    result = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == 0
    return [line.strip() for line in result.output.splitlines()]


def options_of(command: Any) -> list[Any]:
    return [one for one in command.params if one.param_type_name == "option"]


@pytest.mark.parametrize("words", LEAVES)
def test_every_option_is_explained_and_in_its_group(words: str) -> None:
    command = LEAVES[words]
    assert [one.name for one in command.params if not one.help] == []
    options = options_of(command)
    groups = [one.rich_help_panel for one in options]
    if len(options) > LARGE:
        assert [one.name for one in options if not one.rich_help_panel] == []
        assert max(map(groups.count, groups)) <= LARGE


@pytest.mark.slow
@pytest.mark.parametrize("words", LEAVES)
def test_defaults_are_shown_and_not_told(words: str) -> None:
    command, text = LEAVES[words], " ".join(shown(words))
    for one in command.params:
        assert not UNSAID.search(one.help), (one.name, one.help)
        is_flag = one.default is False
        if isinstance(one.show_default, str) or not (one.default in (None, ()) or is_flag):
            assert one.show_default, one.name
            assert "[default: " in text


def examples_of(command: Any) -> list[str]:
    """Return the commands that stand in the fence of a help."""
    fenced = re.search(
        r"^\s*Examples?:\n\n\s*```\n(.*?)\n\s*```", command.help or "", re.MULTILINE | re.DOTALL
    )
    return [line.strip() for line in fenced[1].splitlines()] if fenced else []


def test_every_command_with_arguments_has_examples() -> None:
    plain = [words for words, one in LEAVES.items() if len(one.params) > 1 and not examples_of(one)]
    assert plain == []


@pytest.mark.parametrize("words", [words for words, one in LEAVES.items() if examples_of(one)])
def test_examples_are_given_as_they_stand(words: str) -> None:
    """One a line, whole at 80 columns; verbs and options exist, and what must be named is."""
    examples, lines = examples_of(LEAVES[words]), shown(words)
    assert [one for one in examples if one not in lines] == []
    for example in examples:
        assert example.startswith(f"synth {words}")
        given = shlex.split(example.partition(" <")[0])[1 + len(words.split()) :]
        LEAVES[words].make_context(words, given).close()
