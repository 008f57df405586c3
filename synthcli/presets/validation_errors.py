"""What is wrong with a table: every problem with its key, the value received and what is allowed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from synthcli.errors import did_you_mean
from synthcli.presets.schema_hints import SchemaNode, describe_node, kinds_of, node_at, properties_of, tag_of

LONGEST_VALUE = 60


def problems_of(
    error: ValidationError, table: Mapping[str, object], sources: Mapping[str, str], schema: SchemaNode
) -> list[str]:
    """Return one line for each thing pydantic found wrong."""
    place = ProblemPlace(table, sources, schema)
    found = [
        (real_path(one["loc"], table, is_missing=one["type"] == "missing"), one)
        for one in error.errors(include_url=False)
    ]
    paths = [path for path, _ in found]
    lines = [
        explain(one["type"], path, one, place)
        for path, one in found
        # a list is too short because its items are wrong: the items are named already
        if not any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    ]
    return list(dict.fromkeys(lines))  # a union reports the same mistake once per member


class ProblemPlace:
    """The table a problem is in, where its values came from, and what its schema allows."""

    def __init__(self, table: Mapping[str, object], sources: Mapping[str, str], schema: SchemaNode) -> None:
        self.table, self.sources, self.schema = table, sources, schema

    def describe_allowed(self, path: Sequence[str | int]) -> str:
        return describe_node(node_at(self.schema, path, self.table), self.schema)

    def known_keys(self, path: Sequence[str | int]) -> list[str]:
        return list(properties_of(node_at(self.schema, path, self.table)))

    def tag(self, path: Sequence[str | int]) -> str:
        return tag_of(node_at(self.schema, path, self.table))

    def kinds(self, path: Sequence[str | int]) -> list[str]:
        return kinds_of(node_at(self.schema, path, self.table), self.schema)

    def value(self, path: Sequence[str | int]) -> object:
        found: Any = self.table
        for key in path:
            found = found[key]
        return found

    def origin(self, path: Sequence[str | int]) -> str:
        """Return ` (from --set)`, or nothing where no file and no option set it."""
        keys = [str(key) for key in path]
        for end in range(len(keys), 0, -1):
            prefix = ".".join(keys[:end])
            below = [s for key, s in self.sources.items() if key == prefix or key.startswith(prefix + ".")]
            if below:
                return f" (from {below[-1]})"
        return ""


def explain(kind: str, path: list[str | int], error: ErrorDetails, place: ProblemPlace) -> str:
    """Return the line for one problem of pydantic's."""
    key = f"`{'.'.join(str(part) for part in path)}`"
    if kind == "extra_forbidden":
        known = did_you_mean(str(path[-1]), place.known_keys(path[:-1]))
        return f"{key}{place.origin(path)} is no key; {known}"
    if kind == "missing":
        return f"{key} is missing, allowed: {place.describe_allowed(path)}"
    if kind == "union_tag_not_found":
        kinds = place.kinds(path)
        words = ", ".join(f"`{word}`" for word in kinds)
        return f"{key}{place.origin(path)} has no `{place.tag(path)}`, allowed: {words}"
    if kind == "union_tag_invalid":
        tag, kinds = error["ctx"]["tag"], place.kinds(path)
        path = [*path, place.tag(path)]
        where = f"`{'.'.join(str(part) for part in path)}`"
        return f"{where} = {json.dumps(tag)}{place.origin(path)}; {did_you_mean(tag, kinds)}"
    if kind == "value_error":
        return f"{key}: {error['ctx']['error']}" if path else str(error["ctx"]["error"])
    value = place.value(path)
    received = f"{key} = {shorten_value(value)}{place.origin(path)}"
    return f"{received}, allowed: {place.describe_allowed(path)}{nearest(value, path, place)}"


def nearest(value: object, path: list[str | int], place: ProblemPlace) -> str:
    """Return `; did you mean …?` where the value is a misspelt word."""
    words = node_at(place.schema, path, place.table).get("enum", [])
    if not isinstance(value, str) or not words:
        return ""
    hint = did_you_mean(value, [str(word) for word in words])
    return f"; {hint}" if hint.startswith("did") else ""


def real_path(location: Sequence[str | int], table: object, is_missing: bool) -> list[str | int]:
    """Return pydantic's location without the names of union members it passes through."""
    path: list[str | int] = []
    for part in location[:-1] if is_missing else location:
        if isinstance(table, dict) and str(part) in table:
            path.append(str(part))
            table = table[str(part)]
        elif isinstance(table, list) and isinstance(part, int) and part < len(table):
            path.append(part)
            table = table[part]
    return [*path, location[-1]] if is_missing else path


def shorten_value(value: object) -> str:
    """Return a value as it would be written, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
