"""What a JSON schema allows at a key, in words."""

from collections.abc import Sequence
from typing import Any

SchemaNode = dict[str, Any]

BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "pattern": "that matches `{}`",
}
TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "boolean": "`true` or `false`",
    "object": "a table",
}


def resolve_node(node: SchemaNode, root: SchemaNode) -> SchemaNode:
    """Follow references, and drop the null of an optional: TOML has none."""
    while True:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        elif len(members := [m for m in node.get("anyOf", []) if m.get("type") != "null"]) == 1:
            node = members[0]
        else:
            return node


def node_at(root: SchemaNode, path: Sequence[str | int], table: object) -> SchemaNode:
    """Return the schema of a key; among the kinds of a union, that of the table's own `kind`."""
    node = resolve_node(root, root)
    for key in path:
        node = of_kind(node, table, root)
        if isinstance(key, int):
            node = next((one for one in node.get("anyOf", []) if one.get("type") == "array"), node)
            child = dict(enumerate(node.get("prefixItems", []))).get(key) or node.get("items", {})
        else:
            child = properties_of(node).get(key) or node.get("additionalProperties", {})
        node = resolve_node(child if isinstance(child, dict) else {}, root)
        table = child_of(table, key)
    return of_kind(node, table, root)


def child_of(table: object, key: str | int) -> object:
    if isinstance(table, dict):
        return table.get(key)
    if isinstance(table, list) and isinstance(key, int) and key < len(table):
        return table[key]
    return None


def of_kind(node: SchemaNode, table: object, root: SchemaNode) -> SchemaNode:
    """Return the member of a union that the `kind` of `table` names, or the union itself.

    A union that needs no `kind` means its first member where there is none.
    """
    members = members_of(node, root)
    kind = table.get(tag_of(node)) if isinstance(table, dict) else None
    if kind is None and isinstance(table, dict) and "discriminator" not in node:
        kind = next(iter(members), None)
    return members[kind] if isinstance(kind, str) and kind in members else node


def tag_of(node: SchemaNode) -> str:
    """Return the key that tells the members of a union apart."""
    return str(node.get("discriminator", {}).get("propertyName", "kind"))


def members_of(node: SchemaNode, root: SchemaNode) -> dict[str, SchemaNode]:
    """Return the members of a union of tables by their `kind`."""
    members = [resolve_node(member, root) for member in node.get("oneOf", [])]
    kinds = [member.get("properties", {}).get(tag_of(node), {}).get("const") for member in members]
    return {kind: member for kind, member in zip(kinds, members, strict=True) if kind is not None}


def properties_of(node: SchemaNode) -> dict[str, SchemaNode]:
    """Return the keys a table may hold."""
    found: dict[str, SchemaNode] = node.get("properties", {})
    return found


def kinds_of(node: SchemaNode, root: SchemaNode) -> list[str]:
    """Return the kinds of a union of tables, in alphabetical order."""
    return sorted(members_of(node, root))


def describe_node(node: SchemaNode, root: SchemaNode) -> str:
    """Return what a schema allows: `a whole number > 0`, `` `gelu` or `relu` ``."""
    node = resolve_node(node, root)
    if kinds := kinds_of(node, root):
        return f"a table of {tag_of(node)} {either(kinds)}"
    if words := node.get("enum", [node["const"]] if "const" in node else []):
        return either(words)
    if "anyOf" in node:
        return " or ".join(
            describe_node(member, root) for member in node["anyOf"] if member.get("type") != "null"
        )
    if "prefixItems" in node:
        return f"a list of {len(node['prefixItems'])}"
    if node.get("type") == "array":
        filled = "a list" if "minItems" not in node else f"a list of ≥ {node['minItems']}"
        return f"{filled}, each item {describe_node(node.get('items', {}), root)}"
    return f"{TYPES.get(node.get('type', ''), 'another type')} {bounds_of(node)}".rstrip()


def bounds_of(node: SchemaNode) -> str:
    """Return the limits of a number or the pattern of a string."""
    return " and ".join(words.format(node[key]) for key, words in BOUNDS.items() if key in node)


def either(words: Sequence[object]) -> str:
    return " or ".join(f"`{word}`" for word in words)
