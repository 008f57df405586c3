"""How the tree of the package measures: `python -m tests.measure` prints it, a test bounds it.

A function counts as named by a participle if its first word ends in `ed` or `ing`, or is an irregular one.
"""

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "synthcli"
SMALL = 25  # lines
IRREGULAR = re.compile(
    "begun|built|done|drawn|found|given|held|kept|known|laid|learnt|left|made|meant|met|said|seen|sent|shown"
    "|spent|taken|thrown|told|understood|written"
)
NOUNS = re.compile(r"(embedding|encoding|padding|spacing|heading|training|setting|string|timing)s?")


LAZY = {"synthcli": {"synthcli.api"}}  # loaded when a name of it is asked for


@dataclass(frozen=True)
class Module:
    """A source file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def functions(self) -> Iterator[ast.FunctionDef]:
        return (node for node in self.nodes if isinstance(node, ast.FunctionDef))

    def top(self, kind: type[ast.stmt]) -> Iterator[str]:
        """Yield the names of top-level functions or classes."""
        return (node.name for node in self.tree.body if isinstance(node, kind))  # type: ignore[attr-defined]

    def imports(self, known: frozenset[str]) -> set[str]:
        """Return the modules of the package that are imported at the top, for type checking included."""
        found = set()
        for node in _top_level(self.tree.body):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (inner & known) or {node.module}
        return (found & known) - {self.name}


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If):
            yield from _top_level([*node.body, *node.orelse])
        else:
            yield node


@cache
def modules() -> list[Module]:
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py")) if "library" not in path.parts]


def is_participle(name: str) -> bool:
    """Whether a function's first word says what was done rather than what to do."""
    first = name.lstrip("_").split("_")[0]
    is_regular = len(first) > 4 and first.endswith(("ed", "ing")) and not NOUNS.fullmatch(first)
    return is_regular or IRREGULAR.fullmatch(first) is not None


def circles(found: list[Module]) -> list[list[str]]:
    """Return the groups of modules that import each other (strongly connected, more than one)."""
    known = frozenset(module.name for module in found)
    edges = {module.name: module.imports(known) - LAZY.get(module.name, set()) for module in found}
    reached = {name: _reachable(name, edges) for name in edges}
    groups = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in edges}
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen, open_ = set[str](), [start]
    while open_:
        for name in edges[open_.pop()] - seen:
            seen.add(name)
            open_.append(name)
    return seen


def p90(values: list[int]) -> int:
    return int(statistics.quantiles(values, n=10)[-1])


def measure() -> dict[str, float]:
    """Return the figures by name."""
    found = modules()
    files = [module.lines for module in found]
    lines = sum(files)
    functions = [node for module in found for node in module.functions()]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    names = Counter(name for module in found for name in module.top(ast.FunctionDef))
    classes = Counter(name for module in found for name in module.top(ast.ClassDef))
    anys = sum(isinstance(n, ast.Name) and n.id == "Any" for m in found for n in m.nodes)
    return {
        "modules": len(found),
        "lines": lines,
        "median lines of a file": statistics.median(files),
        "p90 lines of a file": p90(files),
        "median lines of a function": statistics.median(lengths),
        "p90 lines of a function": p90(lengths),
        f"modules under {SMALL} lines": sum(size < SMALL for size in files),
        "functions named by a participle": sum(is_participle(node.name) for node in functions),
        "% of top-level functions that share their name": round(
            100 * sum(count for count in names.values() if count > 1) / names.total(), 1
        ),
        "class names of several classes": sum(count > 1 for count in classes.values()),
        "`Any` per 10,000 lines": round(1e4 * anys / lines, 1),
        "`type: ignore`": sum(module.text.count("# type: ignore") for module in found),
        "import circles": len(circles(found)),
        "preset files": len(list((ROOT / "presets").glob("*/*.toml"))),
    }


if __name__ == "__main__":
    lines = [f"{figure:>9,}  {name}" for name, figure in measure().items()]
    lines += [f"circle: {', '.join(group)}" for group in circles(modules())]
    sys.stdout.write("\n".join(lines) + "\n")
