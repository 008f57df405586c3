"""Text that every Python carries: the source code of its standard library."""

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

from synthcli.data.corpora.source import Row

URL = "https://docs.python.org/3/library/"
LICENCE = "PSF licence"
LAYOUT = "nothing: it is read from the running Python"

TESTS = {"test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo"}
PACKAGES = {"ensurepip", "site-packages", "dist-packages", "__pycache__"}
TABLES = {"encodings", "pydoc_data", "__phello__"}
SKIPPED = TESTS | PACKAGES | TABLES
PER_CENT = {"train": 85, "validation": 5, "test": 10}


@dataclass(frozen=True)
class Function:
    """A function of the standard library, without the indentation it had there."""

    package: str  # the first part of its module's name
    name: str
    source: str
    bare: str  # the source without its docstring
    docstring: str | None


def modules() -> Iterator[tuple[str, str]]:
    """Yield (top-level name, source) of every module that is UTF-8, in the order of their paths."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        parts = path.relative_to(root).with_suffix("").parts
        if SKIPPED.isdisjoint(parts):
            try:
                yield parts[0], path.read_text("utf-8")
            except (UnicodeDecodeError, OSError):  # a few test inputs are neither
                continue


@cache
def functions() -> tuple[Function, ...]:
    """Return every distinct function of more than two lines, methods included."""
    found: dict[str, Function] = {}
    for package, text in modules():
        lines = text.split("\n")
        for node in ast.walk(_parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                function = _read_function(package, node, lines)
                if function.source.count("\n") >= 2:
                    found.setdefault(function.source, function)
    return tuple(found.values())


def _parse(text: str) -> ast.Module:
    """Parse a module; one that this Python refuses (a template, say) is empty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that will be invalid one day
        try:
            return ast.parse(text)
        except SyntaxError:
            return ast.Module([], [])


def _read_function(package: str, node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> Function:
    """Cut a function out of its module's lines."""
    start, stop = node.lineno - 1, node.end_lineno or node.lineno
    docstring = ast.get_docstring(node)
    bare = lines[start:stop]
    if docstring is not None:
        first = node.body[0]
        bare = lines[start : first.lineno - 1] + lines[first.end_lineno : stop]
    source = dedent("\n".join(lines[start:stop]))
    return Function(package, node.name, source, dedent("\n".join(bare)), docstring)


def hash_split(key: str) -> str:
    """Return the split of a text: by its hash, so that equal texts never stand on two sides."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
    for split, share in PER_CENT.items():
        if place < share:
            return split
        place -= share
    raise AssertionError(place)


def split_rows(keyed: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Sort rows into splits by their keys."""
    splits: dict[str, list[Row]] = {split: [] for split in PER_CENT}
    for key, row in keyed:
        splits[hash_split(key)].append(row)
    return splits
