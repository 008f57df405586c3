"""Tables of every width: a figure is shown whole or its column is absent, which is said."""

import io
import os
import pty
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthcli.cli import screen
from synthcli.cli.layout import is_figure

from .conftest import Synth

WIDTHS = (*range(40, 130, 3), 150, 200)


@dataclass(frozen=True)
class Table:
    """What `screen.table` is called with."""

    headers: list[str]
    rows: list[list[str]]
    right: frozenset[int] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield the words that are figures, each with its column's header."""
        for row in self.rows:
            for header, cell in zip(self.headers, row, strict=True):
                yield from ((header, word) for word in cell.split() if is_figure(word))

    def print(self, width: int | None) -> tuple[str, str]:
        """Return what standard output and error get."""
        said = {} if width is None else {"COLUMNS": str(width)}
        with mock.patch.dict(os.environ, said):
            if width is None:
                os.environ.pop("COLUMNS", None)
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                screen.table("title", self.headers, self.rows, self.right, **self.options)
        return out.getvalue(), err.getvalue()


def hold_whole_figures(table: Table, width: int) -> None:
    """Raise where a figure is cut, a line too long, or a column gone without a word."""
    out, err = table.print(width)
    absent = set(re.findall(r"`([^`]*)`", err.partition(";")[0]))
    assert err == "" or err.startswith(f"note: {width} columns have no room for ")
    words = out.split()
    for header, figure in table.figures:
        assert figure in words or header in absent, (figure, width, out)
    if len(table.headers) - len(absent) > 1:
        assert max(map(len, out.splitlines())) <= width


figures = st.one_of(
    st.integers(-(10**12), 10**12).map("{:,}".format),
    st.floats(0, 1e6).map("{:.4f}".format),
    st.floats(1e-30, 1).map("{:.1e}".format),
    st.integers(0, 10**9).map("{:,} %".format),
)
names = st.text("abcdefgh-", min_size=1, max_size=30)
sentences = st.lists(st.one_of(names, figures), max_size=8).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kinds = draw(st.lists(st.sampled_from([figures, names, sentences]), min_size=2, max_size=12))
    length = draw(st.integers(1, 4))
    columns = [draw(names.filter(lambda name: len(name) < 20))] + [f"h{index}" for index in range(len(kinds))]
    rows = [[draw(names), *(draw(kind) for kind in kinds)] for _ in range(length)]
    right = frozenset(index for index, kind in enumerate(kinds, start=1) if kind is figures)
    least = draw(st.permutations(range(1, len(columns))))
    return Table(columns, rows, right, {"least": least, "is_continued": draw(st.booleans())})


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(tables(), st.integers(40, 200))
def test_a_figure_is_whole_or_its_column_is_absent(table: Table, width: int) -> None:
    hold_whole_figures(table, width)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(tables())
def test_a_file_gets_every_row_in_one_line(table: Table) -> None:
    out, err = table.print(None)
    lines = out.splitlines()
    assert err == "" and len(lines) == 2 + len(table.rows)
    for row, line in zip(table.rows, lines[2:], strict=True):
        assert [cell for cell in row if cell not in line] == []


def test_columns_that_go_on_are_all_there() -> None:
    headers = ["layer", *map(str, range(12))]
    table = Table(headers, [["kl", *(f"{n}.125" for n in range(12))]], frozenset(range(1, 13)))
    table.options["is_continued"] = True
    out, err = table.print(40)
    assert err == ""
    assert out == (
        "title\n"
        "layer      0      1      2      3      4\n"
        "kl     0.125  1.125  2.125  3.125  4.125\n"
        "layer      5      6      7      8      9\n"
        "kl     5.125  6.125  7.125  8.125  9.125\n"
        "layer      10      11\n"
        "kl     10.125  11.125\n"
    )


def test_the_least_important_columns_go_first_and_are_named() -> None:
    headers = ["preset", "steps", "parameters", "seconds"]
    table = Table(headers, [["wmt14-dense", "246,575", "56,014,848", "2,129,184"]], frozenset({1, 2, 3}))
    table.options["least"] = (3, 1)
    out, err = table.print(40)
    assert out == "title\npreset         steps  parameters\nwmt14-dense  246,575  56,014,848\n"
    assert err == "note: 40 columns have no room for `seconds`; with `COLUMNS=43` all is shown\n"
    assert table.print(43)[1] == ""


def test_a_long_name_is_folded_where_no_figure_has_room_beside_it() -> None:
    row = ["a-name-of-a-run-that-is-longer-than-all", "0.052 ± 0.001", "1,055,295"]
    out, err = Table(["run", "KL", "parameters"], [row], frozenset({1, 2})).print(40)
    assert "0.052 ± 0.001" in out and "1,055,295" in out and max(map(len, out.splitlines())) <= 40
    assert err == ""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Table]:
    """Every table that is printed from here on."""
    tables: list[Table] = []
    printing: Callable[..., None] = screen.table

    def record(
        title: str | None,
        headers: list[str],
        rows: list[list[str]],
        right: frozenset[int] = frozenset(),
        *more: Any,
        **options: Any,
    ) -> None:
        named = dict(zip(("least", "is_continued"), more, strict=False))
        tables.append(Table(headers, rows, right, named | options))
        printing(title, headers, rows, right, *more, **options)

    monkeypatch.setattr(screen, "table", record)
    return tables


VERBS = (
    ("presets", "ls", "--paper", "2102.12459"),
    ("plan", "wmt14-dense", "bert-base-wikitext-2"),
    ("plan", "wmt14-dense"),
    ("corpora", "ls"),
    ("corpora", "show", "multi30k"),
    ("doctor",),
    ("kernels", "status"),
    ("import", "--from", "srupp"),
    ("prepare-corpus", "copy", "--workers", "1"),
)


@pytest.mark.slow
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_tables_of_verbs_at_every_width(words: tuple[str, ...], synth: Synth, recorded: list[Table]) -> None:
    said = synth(*words)
    assert said.code == 0, said.err
    assert recorded
    for table in tuple(recorded):  # printing adds to them
        for width in WIDTHS:
            hold_whole_figures(table, width)


@pytest.mark.parametrize("width", [80, 60])
def test_a_terminal_says_how_wide_it_is(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    reader, writer = pty.openpty()
    try:
        termios.tcsetwinsize(writer, (24, width))
        with open(writer, "w", closefd=False) as stream, redirect_stdout(stream):
            assert screen.columns_of_terminal() == width
    finally:
        os.close(reader)
        os.close(writer)
