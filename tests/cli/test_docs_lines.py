"""Every line that a page shows: its command exists and takes it, and what it names is there."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from synthcli.data.corpora import OWN, find_corpus
from synthcli.jobs.compare.arms import parse_arm
from synthcli.presets import load_preset, preset_names

from .docs_lines import PAGES, ROOT, Line, anchors_of, changes_of, lines_of, links_of, read
from .verbs import command_of

# in a copy, with what they add: tests/test_adding_pages.py
FOLLOWED = tuple(f"docs/adding-a-{what}.md" for what in ("mixer", "block", "criterion", "merge", "corpus"))
LINES = [line for page in PAGES for line in lines_of(page)]
SYNTH = [line for line in LINES if line.words[0] == "synth" and line.page not in FOLLOWED]
OTHERS = [line for line in LINES if line.words[0] != "synth"]
STANDS_FOR = {"ORIGIN": "hf", "FORMAT": "hf", "METRIC": "bleu", "N": "3", "…": "tensorboard"}
# a placeholder, a path, a file, a store, numbers
ANYTHING = re.compile(r"[A-Z][A-Z-]*…?$|.*/|[\w.-]+\.(toml|csv|jsonl|zst|bytes-\d+)$|[\d,-]+$")
RUN = ("checkpoint", "run", "teacher", "reference", "what")
OWN_NAMES = re.compile(r"--name ([\w-]+)|([\w-]+)\.toml")  # that a page gives to its runs


def parse(line: Line) -> tuple[Any, Any]:
    """Return the command of a line, and what it understands of the words."""
    command, words = command_of(line.words[1:])
    if command.name == "synth":  # `synth --install-completion` must not be carried out
        options = [name for one in command.get_params(typer.Context(command)) for name in one.opts]
        assert [word for word in words if word not in options] == [], "no such verb"
        words = []
    is_verb = command.name == "synth" or (line.is_in_sentence and not words)
    words = [STANDS_FOR.get(word, word) for word in words]
    context = command.make_context(command.name, words, resilient_parsing=is_verb)
    context.close()  # what an option has begun, such as `--device`, ends
    return command, context


def names_of(command: Any, context: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Return what a line names: the parameter, the word, and what a shell would offer there."""
    for one in command.params:
        value = context.params.get(one.name) or ()
        offered = [item.value for item in one.shell_complete(context, "")]
        words = value if isinstance(value, tuple | list) else [value]
        for word in [parse_arm(word).preset for word in words] if one.name == "arms" else words:
            if not ANYTHING.match(str(word)):
                yield str(one.name), str(word), offered


def test_there_are_pages_and_lines() -> None:
    assert len(PAGES) > 15 and len(SYNTH) > 100 and len(OTHERS) > 20


@pytest.mark.slow
@pytest.mark.parametrize("line", SYNTH, ids=str)
def test_a_command_takes_its_line_and_what_it_names_is_there(line: Line, here: Path) -> None:
    command, context = parse(line)
    runs = {*preset_names(), *(one or other for one, other in OWN_NAMES.findall(read(line.page)))}
    for parameter, word, offered in names_of(command, context):
        if word.partition(":")[0] in OWN:
            assert find_corpus(word).finds_source
        elif offered:
            assert word in offered
        elif parameter.rstrip("s") in RUN:
            assert word in runs


@pytest.mark.parametrize("line", [line for line in SYNTH if "--set" in line.words], ids=str)
def test_the_preset_of_a_line_takes_its_settings(line: Line) -> None:
    _, context = parse(line)
    for name in context.params.get("presets") or [context.params["preset"]]:
        preset = name if name in preset_names() else "codeparrot-skipless"  # of which `mine.toml` is a copy
        data = load_preset(preset, context.params["scale"], overrides=context.params["set_"]).data
        find_corpus(data.corpus)


@pytest.mark.parametrize("line", OTHERS, ids=str)
def test_a_target_or_a_script_exists(line: Line) -> None:
    program, what, *rest = line.words
    if program == "make":
        assert re.search(rf"^{what}:", read("Makefile"), re.MULTILINE)
    elif what == "-m":
        assert rest[0] == "venv" or find_spec(rest[0])
    else:
        assert (ROOT / what).is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for path, anchor in links_of(page):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        assert not anchor or anchor in anchors_of(target), f"{path}#{anchor}"


def test_the_changes_that_pages_show_apply() -> None:
    changes = [change for page in PAGES for change in changes_of(page)]
    assert len(changes) > 8
    for file, lines in changes:
        assert read(file).count(lines) == 1, f"{file}:\n{lines}"
