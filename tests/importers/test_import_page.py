"""`docs/import.md` against the code: its tables of what is refused and what is left are the registry's."""

import re
from collections.abc import Iterator
from pathlib import Path

from synthcli.importers.origins import ORIGINS
from synthcli.importers.refusals import Only
from synthcli.importers.spare import Spare

PAGE = Path(__file__).parents[2] / "docs" / "import.md"


def in_table(text: str) -> str:
    return text.replace("|", "\\|")


def tensors(rule: Spare) -> str:
    """Return a pattern as a reader writes it: N for a number, * for any word."""
    plain = re.sub(r"\(\^\|\\\.\)|[\^$]", "", rule.names)
    for regular, shown in ((r"(\d\.)?", "[N.]"), (r"\d+", "N"), (r"\w+", "*"), (r"\.", ".")):
        plain = plain.replace(regular, shown)
    return plain


def refused(origin: str, rule: Only) -> str:
    values = ", ".join(f"`{str(one).lower() if isinstance(one, bool) else one}`" for one in rule.imported)
    message = rule.refusal("X", "…").message
    return f"| `{origin}` | `{rule.option}` | {values or 'none'} | {message} | {rule.why} |"


def rows() -> Iterator[str]:
    yield "| `--from` | option | imported | message | because |"
    for name, origin in ORIGINS.items():
        yield from (refused(name, rule) for rule in origin.refusals)
    yield "| `--from` | what | message |"
    for name, origin in ORIGINS.items():
        yield from (f"| `{name}` | {what} | {message} |" for what, message in origin.structures.items())
    yield "| `--from` | tensors | left, because they are | checked |"
    for name, origin in ORIGINS.items():
        for rule in origin.spares:
            check = "yes" if rule.is_checked else "never read"
            yield f"| `{name}` | `{in_table(tensors(rule))}` | {rule.why} | {check} |"


def test_the_tables_of_the_page_are_the_registry_s() -> None:
    start = PAGE.read_text().index("## What is refused")
    end = PAGE.read_text().index("## Tokenizers")
    lines = [line for line in PAGE.read_text()[start:end].splitlines() if line.startswith("| ")]
    expected = list(rows())
    assert len(expected) > 40
    assert lines == expected
