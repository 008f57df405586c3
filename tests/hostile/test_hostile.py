"""A slice of the hostile inputs, one for every command, and that what is wrong would be noticed."""

import random
from pathlib import Path

import pytest

from tests.hostile.cases import Case, cases_of, happened, verdict
from tests.hostile.commands import COMMANDS, VARIABLES
from tests.hostile.running import NOT_ENDED, Ended
from tests.hostile.world import write_sources

pytestmark = pytest.mark.slow

FILE = (0o100644, 10, 1)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A box, a template without runs and models, and a folder for what is printed."""
    place = tmp_path_factory.mktemp("hostile")
    for name in ("box", "template", "logs"):
        (place / name).mkdir()
    write_sources(place / "template")
    (place / "template" / "stores" / "text.none").mkdir(parents=True)
    (place / "template" / "home").mkdir()
    return place / "box", place / "template", place / "logs"


def one_of(command: str, template: Path) -> Case:
    """Return a case of a command, without its variables and without what is fine."""
    found = cases_of(command, COMMANDS[command], template)
    odd = [case for case in found if case.kind in ("option", "word", "file")] or found[-1:]
    return random.Random(command).choice(odd)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_hostile_input_of_every_command(command: str, places: tuple[Path, Path, Path]) -> None:
    box, template, logs = places
    case = one_of(command, template)
    outcome, ended = happened(case, box, template, logs, 0)
    assert outcome in ("worked", "refused"), f"{case}: {outcome}\n{ended.err}"


SAID = "error: no\nhint: so\n"
NOTICED: dict[str, tuple[Ended, dict[str, tuple[int, int, int]], str]] = {
    "a refusal": (Ended(2, "", SAID, (), 1.0), {"a": FILE}, "refused"),
    "a success": (Ended(0, "x\n", "", (), 1.0), {"a": FILE, "out/b": FILE}, "worked"),
    "a traceback": (Ended(99, "", "Traceback", (), 1.0), {"a": FILE}, "a traceback; "),
    "no end": (Ended(NOT_ENDED, "", "", (), 1.0), {"a": FILE}, "it did not end"),
    "another code": (Ended(137, "", "", (), 1.0), {"a": FILE}, "the exit code 137"),
    "a child": (Ended(0, "", "", (7,), 1.0), {"a": FILE}, "1 processes left running"),
    "silence": (Ended(2, "", "", (), 1.0), {"a": FILE}, "0 errors and 0 hints"),
    "two messages": (Ended(2, "", SAID * 2, (), 1.0), {"a": FILE}, "2 errors and 2 hints"),
    "escapes": (Ended(0, "\x1b[2J", "", (), 1.0), {"a": FILE}, "the terminal is commanded: ['\\x1b']"),
    "a flood": (Ended(2, "", SAID + "x" * 9_000, (), 1.0), {"a": FILE}, "a message of 9019 characters"),
    "a loss": (Ended(2, "", SAID, (), 1.0), {}, "lost ['a']"),
    "a change": (Ended(2, "", SAID, (), 1.0), {"a": (0o100644, 11, 2)}, "changed ['a']"),
    "a stray file": (Ended(2, "", SAID, (), 1.0), {"a": FILE, "b": FILE}, "left ['b']"),
    "half a file": (
        Ended(0, "", "", (), 1.0),
        {"a": FILE, "out/.unfinished-x": FILE},
        "half-written ['out/.unfinished-x']",
    ),
}


@pytest.mark.parametrize("name", NOTICED)
def test_what_is_wrong_is_noticed(name: str) -> None:
    ended, after, said = NOTICED[name]
    found = verdict(Case("train", "plain"), ended, {"a": FILE}, after)
    assert found == said or (said.endswith("; ") and found.startswith(said[:-2]))


def test_what_a_command_removes_may_go_and_nothing_else() -> None:
    case, before = Case("runs rm --yes", "plain"), {"runs/teacher/1/a": FILE, "runs/other/1/a": FILE}
    worked, refused = Ended(0, "", "", (), 1.0), Ended(2, "", SAID, (), 1.0)
    assert verdict(case, worked, before, {"runs/other/1/a": FILE}) == "worked"
    assert verdict(case, worked, before, {}) == "lost ['runs/other/1/a']"
    assert verdict(case, refused, before, {"runs/other/1/a": FILE}) == "lost ['runs/teacher/1/a']"


@pytest.mark.parametrize(("printed", "said"), [("\x1b[1ma\x1b[0m", "worked"), ("\x1b[2J", "the terminal")])
def test_a_terminal_that_shows_looks_gets_them_and_no_other_command(printed: str, said: str) -> None:
    number = next(number for number, odd in enumerate(VARIABLES) if "TERM" in odd)
    case = Case("runs ls", "variables", str(number))
    assert verdict(case, Ended(0, printed, "", (), 1.0), {}, {}).startswith(said)


def test_every_command_of_the_program_is_there() -> None:
    """The table holds every command that the program has, by its words."""
    from typer.main import get_command

    from synthcli.cli import app

    def leaves(command: object, words: tuple[str, ...]) -> set[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            return {words}
        return set().union(*(leaves(one, (*words, name)) for name, one in inner.items()))

    known = {command.words[:length] for command in COMMANDS.values() for length in (1, 2)}
    missing = {words for words in leaves(get_command(app), ()) if words not in known}
    assert missing == set()
