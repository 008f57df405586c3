"""In what two experiments differ, key by key."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthcli.presets.schema import Experiment


def differences(old: "Experiment", new: "Experiment") -> list[str]:
    """Return one line for each key whose value differs: `training.seed`: 1 → 2."""
    before, after = (flat(experiment.model_dump(mode="json")) for experiment in (old, new))
    keys = [*before, *(key for key in after if key not in before)]
    return [
        f"`{key}`: {show_difference_value(before.get(key))} → {show_difference_value(after.get(key))}"
        for key in keys
        if before.get(key) != after.get(key)
    ]


def flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return the values of nested tables by dotted key."""
    values: dict[str, object] = {}
    for key, value in table.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return values


def show_difference_value(value: object) -> str:
    return "absent" if value is None else json.dumps(value, ensure_ascii=False)
