"""The table of the bench: a row a line, a column a kind of model; printed, and kept in `docs/export.md`."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from tests.clients.lines import CONTROLS, LINES, OWN, Exemption, Line

PAGE = Path(__file__).parents[2] / "docs/export.md"
BEGIN, END = "<!-- clients: written by make clients-check -->", "<!-- clients: end -->"
WIDTH = 80
NATIVE = "native"  # the column of transformers' own models
HEADINGS = (*OWN, NATIVE)
OK, BEHIND, ABSENT, BROKEN = "ok", "BEHIND", "-", "BROKEN"
LABEL = WIDTH - sum(max(len(heading), 2) + 1 for heading in HEADINGS)


def build_table(passed: Mapping[str, bool]) -> str:
    """Return the table of results: whether the test of `LINE-MODEL` passed."""
    numbers = number_reasons()
    rows = [row("", {name: name for name in HEADINGS})]
    rows += [row(line.text, cells_of(line, passed, numbers)) for line in LINES]
    notes = [
        textwrap.fill(f"{number}  {reason}.", WIDTH, subsequent_indent="   ")
        for reason, number in numbers.items()
    ]
    return "\n".join([*rows, "", *notes]).rstrip() + "\n"


def number_reasons() -> dict[str, int]:
    """Return the number of every reason's note."""
    exemptions = [found for line in LINES for found in (line.impossible, line.upstream) if found is not None]
    reasons = dict.fromkeys(found.reason for found in exemptions)
    return {reason: number for number, reason in enumerate(reasons, 1)}


def row(label: str, cells: Mapping[str, str]) -> str:
    columns = [cells[name].center(max(len(name), 2)) for name in HEADINGS]
    return f"{label:{LABEL}}{' '.join(['', *columns])}".rstrip()


def cells_of(line: Line, passed: Mapping[str, bool], numbers: Mapping[str, int]) -> dict[str, str]:
    cells = {kind: cell(line, kind, passed, numbers) for kind in OWN}
    controls = {cell(line, name, passed, numbers) for name in CONTROLS if name in line.models}
    return cells | {
        NATIVE: next((found for found in sorted(controls) if found != OK), OK if controls else ABSENT)
    }


def cell(line: Line, model: str, passed: Mapping[str, bool], numbers: Mapping[str, int]) -> str:
    """Return `ok`, the number of the note that says why not, or what is to be mended."""
    if model not in line.models:
        return ABSENT
    if not passed.get(f"{line.name}-{model}", False):
        return BEHIND if model in OWN else BROKEN
    exemption = line.exemption(model)
    return OK if exemption is None else mark(exemption, numbers)


def mark(exemption: Exemption, numbers: Mapping[str, int]) -> str:
    return f"({numbers[exemption.reason]})"


def read_table(page: str) -> str:
    """Return the table that a page keeps."""
    _, _, rest = page.partition(BEGIN)
    kept, end, _ = rest.partition(END)
    assert end, f"no `{BEGIN}` … `{END}`"
    return kept.strip().removeprefix("```text\n").removesuffix("```")


def write_table(table: str, page: Path = PAGE) -> None:
    """Renew the table in a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n```text\n{table}```\n{END}{after}", encoding="utf-8")
