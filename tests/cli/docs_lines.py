"""What the pages show: commands in fences and in sentences, links, anchors."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "presets/*.md", "kernels/*.md", "benchmarks/*.md", "tests/*/*.md")
    for page in ROOT.glob(pattern)
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]+`")
LINK = re.compile(r"\]\(([^)\s:#]*)#?([^)\s:]*)\)")
PROGRAMS = ("synth", "make", "python")
SETTING = re.compile(r"[A-Z_]+=")  # of the environment, before a command


@dataclass(frozen=True)
class Line:
    """A command of a page; in a sentence a verb may stand for all of its lines."""

    page: str
    words: tuple[str, ...]
    is_in_sentence: bool

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def lines_of(page: str) -> Iterator[Line]:
    """Return every command of a page."""
    text = read(page)
    fences = [line for language, fence in FENCE.findall(text) if not language for line in fence.splitlines()]
    codes = [" ".join(code.strip("`").split()) for code in CODE.findall(FENCE.sub("", text))]
    for is_in_sentence, lines in ((False, fences), (True, codes)):
        for line in lines:
            if re.match(r"([A-Z_]+=\S* )*(synth|make|python) ", line):
                yield from (Line(page, words, is_in_sentence) for words in commands_in(line))


def commands_in(line: str) -> Iterator[tuple[str, ...]]:
    """Return the commands that a shell finds in a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in ("|", "&&", ";"):
            yield tuple(words)
            words = []
        elif words or not SETTING.match(word):
            words += expand_braces(word)


def links_of(page: str) -> list[tuple[str, str]]:
    """Return path and anchor of every link of a page to another file here, or within itself."""
    return LINK.findall(CODE.sub("", FENCE.sub("", read(page))))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def changes_of(page: str) -> Iterator[tuple[str, str]]:
    """Return the file of every hunk that a page shows, and the lines that must be there."""
    for language, fence in FENCE.findall(read(page)):
        if language == "diff":
            head, *hunks = fence.split("@@\n")
            file = head.splitlines()[0].removeprefix("--- a/")
            for hunk in hunks:
                yield file, "".join(line[1:] for line in hunk.splitlines(True) if line[0] != "+")


def expand_braces(word: str) -> list[str]:
    """Return the words that a shell makes of `{a,b}-{c,d}`."""
    parts = [part.split(",") for part in re.split(r"\{([^{}]*,[^{}]*)\}", word)]
    even = [[",".join(part)] if number % 2 == 0 else part for number, part in enumerate(parts)]
    return ["".join(one) for one in product(*even)]
