"""The Python file of an exported folder: the wrapper that transformers loads, and all it needs of ours.

The sources are those of `synthcli.model`, so there is no second implementation to keep equal.
"""

import json
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from synthcli.exporters.hugging_face.definition_source import definition_source
from synthcli.exporters.hugging_face.definitions import (
    PROJECT,
    Import,
    Module,
    Place,
    collect_all_names,
    module_named,
)
from synthcli.exporters.hugging_face.tree_shake import REMOTE, Reached, find_needed_nodes, reach
from synthcli.model import ModelConfig

MODELING, CONFIGURATION = "modeling_synth", "configuration_synth"
FIRST = f"{REMOTE}.base_config"
PARSING, SETTINGS = f"{REMOTE}.settings", "SETTINGS"
FOREIGN = ("torch", "transformers")
UNWANTED = ("pydantic", "jaxtyping", "__future__")  # shapes stay in annotations, which nothing evaluates


def write_modeling_source(config: ModelConfig, wrappers: Iterable[Place]) -> str:
    """Return the file that holds `wrappers`, classes of `remote`, for models of this configuration."""
    classes = _settings_classes(config)
    roots = [*wrappers, *(_place_of(kind) for kind in classes.values())]
    reached = reach(roots, set(_collect_words(json.loads(config.model_dump_json()))))
    modules = _sort_modules([module for module, _ in reached.definitions])
    _check_names(reached)
    parts = [f"{write_modeling_header(modules)}\n\n{_imports(reached)}"]
    for module in modules:
        if module.name == PARSING:
            parts.append(_settings_table(classes))
        parts.append(_section(reached, module))
    return "\n\n\n".join(parts) + "\n"


def _collect_words(value: object) -> Iterator[str]:
    """Yield the keys and the texts of a configuration."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _collect_words(item)
    if isinstance(value, str):
        yield value


def _settings_classes(config: BaseModel, key: str = "model") -> dict[str, type]:
    """Return the class of every table of a configuration, by its kind or else its key."""
    classes: dict[str, type] = {str(getattr(config, "kind", key)): type(config)}
    for name in type(config).model_fields:
        for part in _list_parts(getattr(config, name)):
            if isinstance(part, BaseModel):
                for kind, made in _settings_classes(part, name).items():
                    assert classes.setdefault(kind, made) is made, f"two tables are called `{kind}`"
    return classes


def _list_parts(value: object) -> Iterable[object]:
    """Return what a value of a configuration holds, or the value alone."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, tuple) else (value,)


def _place_of(kind: type) -> Place:
    return kind.__module__, kind.__name__


def _settings_table(classes: dict[str, type]) -> str:
    entries = "".join(f'    "{word}": {kind.__name__},\n' for word, kind in sorted(classes.items()))
    return f"{SETTINGS}: dict[str, Any] = {{\n{entries}}}"


def _sort_modules(names: list[str]) -> list[Module]:
    """Return modules such that each comes after those it imports."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for item in module_named(name).imports.values():
            if item.module.startswith(PROJECT):
                visit(item.module)
        order[name] = None

    seen: set[str] = set()
    for name in sorted(names):
        visit(name)
    found = [module_named(name) for name in order if name in names]
    return sorted(found, key=lambda module: module.name.startswith(REMOTE) and module.name != FIRST)


def _check_names(reached: Reached) -> None:
    """Two definitions of one name would hide each other."""
    places: dict[str, Place] = {}
    for place in reached.definitions:
        other = places.setdefault(place[1], place)
        assert other == place, f"`{place[1]}` is defined in `{other[0]}` and in `{place[0]}`"


def write_modeling_header(modules: list[Module]) -> str:
    return f'''"""A model of `synth` by itself: what its configuration needs of {len(modules)} source files.

Shapes stand in annotations, as in `Float[Tensor, "batch length d_model"]`; nothing evaluates them.
"""

# ruff: noqa: F821
from __future__ import annotations'''


def _imports(reached: Reached) -> str:
    """Return the import statements of all that is reached, annotations included."""
    needed: dict[str, Import] = {name: Import("dataclasses", name, name) for name in ("dataclass", "field")}
    for (module, _), definition in reached.definitions.items():
        available = module_named(module).imports
        for name in frozenset().union(
            *(collect_all_names(node) for node in find_needed_nodes(reached, definition))
        ):
            item = available.get(name)
            if item is not None and item.module.split(".")[0] not in (PROJECT, *UNWANTED):
                other = needed.setdefault(name, item)
                assert other == item, f"`{name}` means `{other.statement}` and `{item.statement}`"
    return "\n".join([*_statements(needed.values()), "", f"from .{CONFIGURATION} import SynthConfig"])


def _statements(items: Iterable[Import]) -> list[str]:
    """Return sorted import statements, one for each module that names are taken from, Python's own first."""
    whole = [item.statement for item in items if item.name is None]
    modules: dict[str, list[str]] = {}
    for item in items:
        if item.name is not None:
            modules.setdefault(item.module, []).append(item.statement.rpartition(" import ")[2])
    parts = [f"from {module} import {', '.join(sorted(names))}" for module, names in modules.items()]
    return sorted([*whole, *parts], key=lambda line: (line.split()[1].split(".")[0] in FOREIGN, line))


def _section(reached: Reached, module: Module) -> str:
    """Return what is reached of a module, under its name and docstring."""
    parts = [
        definition_source(reached, definition)
        for name, definition in module.definitions.items()
        if (module.name, name) in reached.definitions and name != SETTINGS
    ]
    return "\n\n\n".join([write_module_title(module), *parts])


def write_module_title(module: Module) -> str:
    path = module.name.removeprefix(f"{REMOTE}.").removeprefix(f"{PROJECT}.").replace(".", "/")
    lines = [f"# {'-' * 20} {path}", *(f"# {line}".rstrip() for line in module.docstring.split("\n"))]
    return "\n".join(lines)
