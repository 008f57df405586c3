"""One definition of the model as text for an exported folder.

Functions and classes are copied as they stand, without the methods that nothing reads; a registry has the
entries that are named; a configuration becomes a frozen dataclass of the settings that are read.
"""

import ast
import re
from itertools import chain
from textwrap import dedent, indent

from synthcli.exporters.hugging_face.definitions import Definition, Module, module_named
from synthcli.exporters.hugging_face.tree_shake import Reached, find_definition, is_registry

MARKS = re.compile(r"  # (type: ignore|noqa|fmt:).*$", re.MULTILINE)
CONFIG = "Config"


def definition_source(reached: Reached, definition: Definition) -> str:
    """Return the text of a definition."""
    node = definition.node
    if is_registry(definition):
        return _registry_source(reached, definition)
    if isinstance(node, ast.ClassDef):
        if _is_configuration(definition):
            return _settings_source(reached, definition)
        return _copy_class(reached, definition)
    return _copy_source(module_named(definition.place[0]), node)


def _copy_source(module: Module, node: ast.stmt) -> str:
    return MARKS.sub("", module.text(_first_source_line(module, node), node.end_lineno or node.lineno))


def _copy_class(reached: Reached, definition: Definition) -> str:
    """Return the lines of a class without those of methods that nothing needs."""
    module, node = module_named(definition.place[0]), definition.node
    needed = reached.members(definition)
    unneeded = [member for member in definition.members if member not in needed]
    ranges = [range(_first_source_line(module, member), (member.end_lineno or 0) + 1) for member in unneeded]
    gone = set(chain.from_iterable(ranges))
    first, last = _first_source_line(module, node), node.end_lineno or 0
    kept = [module.text(line, line) for line in range(first, last + 1) if line not in gone]
    text = MARKS.sub("", "\n".join(kept).rstrip())
    return re.sub(r"\n{3,}", "\n\n", text)


def _first_source_line(module: Module, node: ast.stmt) -> int:
    """Return the line of a definition's first decorator, or of the comment right above it."""
    line = min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])
    while line > 1 and re.match(r"\s*#", module.text(line - 1, line - 1)):
        line -= 1
    return line


def _registry_source(reached: Reached, definition: Definition) -> str:
    node = definition.node
    assert isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    head = f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)} = {{\n"
    entries = reached.entries(node.value)
    return head + "".join(f"    {ast.unparse(k)}: {ast.unparse(v)},\n" for k, v in entries) + "}"


def _is_configuration(definition: Definition) -> bool:
    """Whether a class is a table of settings."""
    node, module = definition.node, definition.place[0]
    if not isinstance(node, ast.ClassDef):
        return False
    for base in node.bases:
        place = find_definition(module, base.id) if isinstance(base, ast.Name) else None
        if place is None:
            continue
        if place[1] == CONFIG or _is_configuration(module_named(place[0]).definitions[place[1]]):
            return True
    return False


def _settings_source(reached: Reached, definition: Definition) -> str:
    """Return a table of settings as a dataclass; checks are left behind."""
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    body = []
    for member in reached.members(definition):
        if isinstance(member, ast.AnnAssign):
            if _is_read(reached, member):
                body.append(
                    f"{ast.unparse(member.target)}: {_annotation(member)}{write_default(member.value)}"
                )
        else:
            gap = "\n" if isinstance(member, ast.FunctionDef) else ""
            body.append(gap + dedent(_copy_source(module_named(definition.place[0]), member)))
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    lines = indent("\n".join(body or ["pass"]), "    ")
    return f"@dataclass(frozen=True, kw_only=True)\nclass {node.name}({bases}):\n{lines}"


def _is_read(reached: Reached, member: ast.AnnAssign) -> bool:
    name = ast.unparse(member.target)
    return name == "kind" or name in reached.attributes


def _annotation(member: ast.AnnAssign) -> str:
    """Return a field's type where the standard library knows it, else Any."""
    text = ast.unparse(member.annotation)
    is_known = {item.id for item in ast.walk(member.annotation) if isinstance(item, ast.Name)} <= KNOWN
    return text if is_known else "Any"


KNOWN = {"int", "float", "str", "bool", "tuple", "dict", "Literal", "None"}


def write_default(value: ast.expr | None) -> str:
    """Return ` = …` of a field, or nothing where it has to be given."""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "Field"):
        return "" if value is None else f" = {ast.unparse(value)}"
    given = {word.arg: word.value for word in value.keywords}
    if "default_factory" in given:
        return f" = field(default_factory={ast.unparse(given['default_factory'])})"
    return f" = {ast.unparse(value.args[0])}" if value.args else ""
