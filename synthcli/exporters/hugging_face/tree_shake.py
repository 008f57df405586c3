"""Which definitions of the model one configuration needs: those its classes reach, and no other.

A registry is reached in the entries that the configuration names. Of a class of the model a method is reached
if something reached reads its name.
"""

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from synthcli.exporters.hugging_face.definitions import (
    PROJECT,
    Definition,
    Place,
    attributes_read,
    module_named,
    names_read,
)

OPS, MIXERS = f"{PROJECT}.model.ops", f"{PROJECT}.model.mixers"
REMOTE = f"{PROJECT}.exporters.hugging_face.remote"
CONFIGURATION = f"{REMOTE}.configuration_synth"  # a file of its own in the folder

# what another definition of the same name stands for in an exported folder
REPLACED: dict[Place, Place] = {
    (f"{OPS}.recurrence", "recurrence"): (f"{OPS}.reference", "recurrence"),  # native kernels stay at home
    (f"{MIXERS}.dot_products", "attend_fused"): (
        f"{MIXERS}.weighted_values",
        "attend_fused",
    ),  # torch chooses there
    (f"{PROJECT}.config", "Config"): (f"{REMOTE}.base_config", "Config"),
}

# validation is over when a model leaves
VALIDATORS = ("model_validator", "field_validator")
ALWAYS = ("forward", "backward")


@dataclass
class Reached:
    """What is needed; `words` are the names that a configuration gives to its parts."""

    words: Collection[str]
    definitions: dict[Place, Definition] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)

    def members(self, definition: Definition) -> list[ast.stmt]:
        """Return the members of a definition that are needed."""
        is_ours = not definition.place[0].startswith(
            REMOTE
        )  # of the wrappers transformers calls what it likes
        if not is_ours or not isinstance(definition.node, ast.ClassDef):
            return definition.members
        return [member for member in definition.members if self.needs(member)]

    def needs(self, member: ast.stmt) -> bool:
        if not isinstance(member, ast.FunctionDef):
            return True
        if any(word in ast.unparse(mark) for mark in member.decorator_list for word in VALIDATORS):
            return False
        is_special = member.name.startswith("__") or member.name in ALWAYS
        return is_special or member.name in self.attributes

    def entries(self, table: ast.Dict) -> list[tuple[ast.expr, ast.expr]]:
        """Return the entries of a registry that the configuration names."""
        pairs = [(key, value) for key, value in zip(table.keys, table.values, strict=True) if key is not None]
        return [
            (key, value) for key, value in pairs if isinstance(key, ast.Constant) and key.value in self.words
        ]


def reach(roots: Iterable[Place], words: Collection[str]) -> Reached:
    """Return all that the roots need, in no order."""
    reached = Reached(words)
    for root in roots:
        _add_definition(reached, root)
    size = -1
    while size != (size := len(reached.definitions) + len(reached.attributes)):
        for definition in list(reached.definitions.values()):
            for node in find_needed_nodes(reached, definition):
                reached.attributes |= attributes_read(node)
                for name in names_read(node):
                    if place := find_definition(definition.place[0], name):
                        _add_definition(reached, place)
    return reached


def _add_definition(reached: Reached, place: Place) -> None:
    module, name = place
    reached.definitions.setdefault(place, module_named(module).definitions[name])


def find_needed_nodes(reached: Reached, definition: Definition) -> list[ast.AST]:
    """Return the parts of a definition that will run."""
    node = definition.node
    if is_registry(definition) and isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
        return [value for _, value in reached.entries(node.value)]
    members: list[ast.AST] = list(reached.members(definition))
    if isinstance(node, ast.ClassDef):
        members += [*node.bases, *node.decorator_list]
    return members


def is_registry(definition: Definition) -> bool:
    """Whether a definition is a table of parts by the words of configurations."""
    node, (module, name) = definition.node, definition.place
    is_table = isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    return is_table and name.isupper() and not module.startswith(REMOTE)


def find_definition(module: str, name: str) -> Place | None:
    """Return where a name of a module is defined in this project, whatever it is imported through."""
    here = module_named(module)
    if name in here.definitions:
        place = (module, name)
        return REPLACED.get(place, place)
    item = here.imports.get(name)
    if (
        item is None
        or item.name is None
        or not item.module.startswith(PROJECT)
        or item.module == CONFIGURATION
    ):
        return None
    return REPLACED.get((item.module, item.name)) or find_definition(item.module, item.name)
