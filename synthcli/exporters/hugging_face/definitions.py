"""What the modules of the model define at their top level, and the names that each definition reads.

Only sources are read, by their syntax: nothing is imported. Annotations are documentation, and read nothing.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

PROJECT = "synthcli"

Place = tuple[str, str]  # module, name


Defining = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Import:
    """A name bound by `import module` (`name` None) or `from module import name`."""

    module: str
    name: str | None
    alias: str

    @property
    def statement(self) -> str:
        if self.name is None:
            return f"import {self.module}" + ("" if self.alias == self.module else f" as {self.alias}")
        renamed = "" if self.alias == self.name else f" as {self.alias}"
        return f"from {self.module} import {self.name}{renamed}"


@dataclass(frozen=True)
class Definition:
    """A function, a class, or an assignment of a module."""

    place: Place
    node: Defining

    @property
    def members(self) -> list[ast.stmt]:
        """Return what a class is made of, or the definition itself."""
        return self.node.body if isinstance(self.node, ast.ClassDef) else [self.node]


class Module:
    """The top level of one source file."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.lines = name, text.removesuffix("\n").split("\n")  # as Python counts lines
        self.tree = ast.parse(text)

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Return every definition by its name, in the order of the file."""
        found: dict[str, Definition] = {}
        for node in self.tree.body:
            if isinstance(node, Defining):
                found |= {name: Definition((self.name, name), node) for name in _bind_names(node)}
        return found

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Return what is imported, by the name it has here."""
        found = [item for node in self.tree.body for item in _find_imports(node)]
        return {item.alias: item for item in found}

    def text(self, first: int, last: int) -> str:
        """Return lines of the file, counted from 1."""
        return "\n".join(self.lines[first - 1 : last])


@cache
def module_named(name: str) -> Module:
    """Return a module of this project."""
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None, name
    return Module(name, Path(spec.origin).read_text(encoding="utf-8"))


def _bind_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) and node.value is not None else []
    if isinstance(node, ast.Assign):
        return [item.id for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)]
    return []


def _find_imports(node: ast.stmt) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, None, alias.asname or alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        yield from (Import(module, alias.name, alias.asname or alias.name) for alias in node.names)


@cache
def names_read(node: ast.AST) -> frozenset[str]:
    """Return the names that running a definition may read, and not those of its annotations."""
    return frozenset(item.id for item in _walk_executed(node) if isinstance(item, ast.Name))


@cache
def attributes_read(node: ast.AST) -> frozenset[str]:
    """Return the attributes that may be read: after a dot, given by keyword, or as text for `getattr`."""
    found = set()
    for item in _walk_executed(node):
        if isinstance(item, ast.Attribute):
            found.add(item.attr)
        elif isinstance(item, ast.keyword) and item.arg is not None:
            found.add(item.arg)
        elif isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value.isidentifier():
            found.add(item.value)
    return frozenset(found)


def _walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree without its annotations."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk_executed(child)


@cache
def collect_all_names(node: ast.AST) -> frozenset[str]:
    """Return the names of a definition, annotations included."""
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))
