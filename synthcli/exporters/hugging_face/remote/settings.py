"""Settings out of the tables of `config.json`."""

from dataclasses import fields
from typing import Any

SETTINGS: dict[str, Any] = {}  # by kind, or by key; the exported file has those of its configuration


def strip_training_settings(table: object, key: str = "model") -> object:
    """Return the settings of a table and of the tables in it; what only training reads is left out."""
    if isinstance(table, list):
        return tuple(strip_training_settings(item, key) for item in table)
    if not isinstance(table, dict):
        return table
    if all(name.isdecimal() for name in table):
        return {int(name): strip_training_settings(part) for name, part in table.items()}
    kind = SETTINGS[table.get("kind", key)]
    known = {field.name for field in fields(kind)}
    return kind(
        **{name: strip_training_settings(part, name) for name, part in table.items() if name in known}
    )
