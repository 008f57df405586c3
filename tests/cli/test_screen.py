"""What files, names and words say is shown, and neither obeyed by the terminal nor read as markup."""

import ast
import io
import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

import synthcli
from synthcli import variables
from synthcli.cli import screen
from synthcli.errors import SynthError
from synthcli.visible import HANDLER, visible

from .conftest import Synth

SEQUENCES = [
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "a\rb",
    "\x08",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ud800",
]
MARKUP = ["[red]", "[/]", "[/bold]", "[link=x]y[/link]", "[@click=app.bell]x[/]", "\\[red]", "[", "[[/]]"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """One terminal for both streams; rich's colours are off."""
    with (
        Terminal() as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
        mock.patch.object(screen.err, "no_color", True),
        mock.patch.object(screen.err, "_color_system", None),
        mock.patch.object(screen.out, "_color_system", None),
    ):
        yield stream


def show_everywhere(text: str) -> None:
    """Have a text at every place of the screen where a file's content or name comes to stand."""
    screen.say(f"wrote `{text}`")
    screen.show_error(SynthError(f"no file `{text}`", f"delete `{text}`"))
    screen.data(text)
    screen.stream(text)
    screen.table(text, [text, "b"], [[text, text], ["x y", text]], right=frozenset({1}))
    bar = screen.progress()  # not started: the cursor it moves is rich's own
    bar.add_task(text, total=None, rate=text)
    screen.out.print(bar.make_tasks_table(bar.tasks))


@pytest.mark.parametrize("text", SEQUENCES)
def test_no_terminal_obeys_what_a_file_says(text: str) -> None:
    with terminal() as stream:
        show_everywhere(text)
        shown = stream.getvalue()
    commands = {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert commands <= {"\n", "\t"}
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert visible(text) in shown


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_text(text: str) -> None:
    with terminal() as stream:
        show_everywhere(text)
        shown = stream.getvalue()
    lines = shown.splitlines()
    assert f"error: no file `{text}`" in lines and f"hint: delete `{text}`" in lines
    assert any(line.startswith(f"{text} ") for line in lines)


def test_json_on_a_terminal_is_the_same_json() -> None:
    table = {"name": "".join(SEQUENCES) + "é→𝄞\U000e0041", "\x9b": [1.5, None]}
    with terminal() as stream:
        screen.data(json.dumps(table, indent=2, ensure_ascii=False))
        shown = stream.getvalue()
    assert json.loads(shown) == table
    assert "\x9b" not in shown and "é→𝄞" in shown


def test_a_file_gets_the_text_as_it_is() -> None:
    with redirect_stdout(io.StringIO()) as stream:
        screen.data("\x1b[31m red")
        screen.stream("\u202e")
    assert stream.getvalue() == "\x1b[31m red\n\u202e"


def test_a_name_does_not_pose_as_a_message() -> None:
    with terminal() as stream:
        screen.show_error(SynthError("no file `a\nhint: run it`", "is `b\n error: gone` there?"))
        shown = stream.getvalue()
    assert shown == ("error: no file `a\\u000ahint: run it`\nhint: is `b\\u000a error: gone` there?\n")


def test_what_an_encoding_lacks_is_written_out() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=HANDLER)
    stream.write('{"é": "→𝄞\udcff"}')
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == {"é": "→𝄞\udcff"}  # type: ignore[attr-defined]


PRINTING = ("print", "Console", "sys.stdout.write", "sys.stderr.write")


@pytest.mark.slow
def test_nothing_else_prints() -> None:
    """Every word to the user goes through the screen; but for words of our own, which command nothing."""
    found = []
    for path in sorted(Path(synthcli.__file__).parent.rglob("*.py")):
        name = path.relative_to(Path(synthcli.__file__).parent).as_posix()
        if name in ("cli/screen.py", "exporters/parity/__main__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_own = isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
            if isinstance(node, ast.Call) and called(node) in PRINTING and not is_own:
                found.append(f"{name}:{node.lineno}")
    assert found == []


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


@pytest.mark.parametrize("word", ["x\x1b[2J.toml", "[red]", "a\rb"])
def test_a_word_of_the_command_line(word: str, synth: Synth) -> None:
    for words in (["train", word], ["eval", word], [word], ["presets", "show", word], ["train", f"--{word}"]):
        said = synth(*words)
        assert (said.code, said.err.count("error:")) == (2, 1)
        assert not any(unicodedata.category(c) == "Cc" for c in said.err.replace("\n", ""))


def test_an_argument_that_is_not_utf_8(synth: Synth) -> None:
    said = synth("train", "a\udcff.toml")
    assert said.code == 2
    assert said.err == (
        "error: argument 2, `a\\udcff.toml`, is not UTF-8\n"
        "hint: rename what it names, or reach it by a link whose name is UTF-8\n"
    )


def test_a_mistake_in_the_words_is_one_message(synth: Synth) -> None:
    said = synth("train", "--sede", "1")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: no such option: --sede")
    assert said.err.endswith("\nhint: did you mean `--seed`? `synth train --help` says what there is\n")


@pytest.mark.parametrize("value", ["0", "1", "²", "٣", "abc", "-5", "99999999999", ""])
def test_a_size_of_the_terminal_that_is_none_is_forgotten(value: str) -> None:
    environment = {"COLUMNS": value, "LINES": value, "TERM": "x"}
    variables.drop_odd_sizes(environment)
    assert environment == {"TERM": "x"}
    kept = {"COLUMNS": "80", "LINES": "24"}
    variables.drop_odd_sizes(kept)
    assert kept == {"COLUMNS": "80", "LINES": "24"}


RANKS: dict[str, tuple[dict[str, str], list[str], str]] = {
    "a rank alone": ({"RANK": "1"}, ["train"], "`RANK` is 1, and `WORLD_SIZE` is 1: ranks start at 0"),
    "no number": ({"WORLD_SIZE": "two"}, ["train"], "`WORLD_SIZE` is `two`, expected a whole number"),
    "nobody": ({"WORLD_SIZE": "0"}, ["train"], "`WORLD_SIZE` is `0`, expected a whole number"),
    "negative": ({"LOCAL_RANK": "-1"}, ["train"], "`LOCAL_RANK` is `-1`, expected a whole number"),
    "long": ({"RANK": "9" * 4_000}, ["train"], f"`RANK` is `{'9' * 4_000}`, expected a whole number"),
    "another verb": (
        {"WORLD_SIZE": "8", "RANK": "0", "MASTER_ADDR": "x", "MASTER_PORT": "1"},
        ["presets", "ls"],
        "`synth presets` works in one process, and `WORLD_SIZE` is 8",
    ),
    "nowhere to meet": (
        {"WORLD_SIZE": "2", "RANK": "0"},
        ["train", "x"],
        "`WORLD_SIZE` is 2, and there is no `MASTER_ADDR`",
    ),
}


@pytest.mark.parametrize("name", RANKS)
def test_left_over_variables_of_a_launcher(name: str) -> None:
    environment, words, message = RANKS[name]
    with pytest.raises(SynthError) as caught:
        variables.refuse_ranks(environment, words)
    assert caught.value.message == message


def test_what_a_launcher_sets_is_accepted() -> None:
    variables.refuse_ranks({}, ["presets"])
    variables.refuse_ranks({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, ["presets"])
    several = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    variables.refuse_ranks(several, ["train", "x"])


def test_a_stray_rank_is_heard(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    said = synth("presets", "ls")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(
        "error: `RANK` is 1, and `WORLD_SIZE` is 1: ranks start at 0\nhint: unset `RANK`"
    )


LOSS = "loss 0.001 · 3,576 tokens/s · 516 MB"


@pytest.mark.parametrize(
    ("names", "total", "lines"),
    [
        (
            ["agnews-vanilla"],
            500,
            ["agnews-vanilla ━━━━━━━━━━━━ 500/500 loss 0.001 · 3,576 tokens/s · 516 MB 0:00:00"],
        ),
        (
            ["codeparrot-skipless-parallel"],
            500,
            ["codeparrot-skipless-parallel ━━━━━━━ 500/500 loss 0.001 · 3,576 tokens/s 0:00:00"],
        ),
        (
            ["wmt14-dense", "csv:text=review,label=mood: looking for duplicates and leaks"],
            14_000,
            [
                "wmt14-dense                                  ━━━━ 14000/14000 loss 0.001 0:00:00",
                "csv:text=review,label=mood: looking for dup… ━━━━ 14000/14000 loss 0.001 0:00:00",
            ],
        ),
    ],
)
def test_bars_fit_a_line(names: list[str], total: int, lines: list[str]) -> None:
    with terminal() as stream, mock.patch.object(screen.err, "_width", 80):
        bars = screen.progress()
        for name in names:
            bars.update(bars.add_task(name, total=total, rate=LOSS), completed=total)
        screen.err.print(bars.make_tasks_table(bars.tasks))
        shown = stream.getvalue().splitlines()
    assert shown == lines
