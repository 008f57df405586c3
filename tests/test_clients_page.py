"""The table of `make clients-check` in docs/export.md has the lines of the bench, and nothing behind."""

import ast
from pathlib import Path

import pytest

from tests.clients.lines import CONTROLS, EVERY, LINES, OWN, Line
from tests.clients.table import (
    ABSENT,
    HEADINGS,
    LABEL,
    NATIVE,
    OK,
    PAGE,
    WIDTH,
    build_table,
    mark,
    number_reasons,
    read_table,
    write_table,
)

TABLE = read_table(PAGE.read_text(encoding="utf-8"))
ROWS = TABLE.partition("\n\n")[0].splitlines()[1:]
PROGRAMS = Path(__file__).parent / "clients/programs"


def test_rows_are_the_lines_of_the_bench() -> None:
    assert [row[:LABEL].rstrip() for row in ROWS] == [line.text for line in LINES]
    assert len({line.name for line in LINES}) == len(LINES) > 40


def test_every_cell_is_ok_or_a_reason_of_its_line() -> None:
    """The table is that of a run in which every test passed."""
    everything = {f"{line.name}-{model}": True for line in LINES for model in line.models}
    assert build_table(everything) == TABLE
    numbers = number_reasons()
    for line, row in zip(LINES, ROWS, strict=True):
        reasons = [mark(found, numbers) for found in (line.impossible, line.upstream) if found is not None]
        assert set(row[LABEL:].split()) <= {OK, ABSENT, *reasons}


def test_a_line_behind_is_shown_so() -> None:
    results = {f"{line.name}-{model}": True for line in LINES for model in line.models}
    results[f"{LINES[0].name}-dense"] = False
    del results[f"{LINES[2].name}-gpt2"]
    rows = build_table(results).splitlines()
    assert "BEHIND" in rows[1] and "BROKEN" in rows[3] and "BEHIND" not in rows[2]


def test_it_is_as_wide_as_a_terminal() -> None:
    assert max(map(len, TABLE.splitlines())) <= WIDTH == 80
    assert all(len(line.text) < LABEL for line in LINES)


def test_a_page_is_renewed_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    write_table("another\n", page)
    assert read_table(page.read_text(encoding="utf-8")) == "another\n"
    write_table(TABLE, page)
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_line_is_a_function_on_known_kinds(line: Line) -> None:
    """What is wrong upstream is wrong with a model of transformers; what is impossible is so for ours."""
    tree = ast.parse((PROGRAMS / f"{line.program}.py").read_text(encoding="utf-8"))
    assert line.function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(line.kinds) <= set(EVERY)
    for exemption in (line.impossible, line.upstream):
        assert exemption is None or set(exemption.kinds) <= set(line.models)
    assert line.upstream is None or set(line.upstream.kinds) & set(CONTROLS)
    assert line.impossible is None or set(line.impossible.kinds) <= set(OWN)


def test_every_kind_and_control_is_a_column() -> None:
    assert (*OWN, NATIVE) == HEADINGS and set(OWN.values()) == set(CONTROLS)
