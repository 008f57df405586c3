"""What the list of presets says of each, from its file and the record of sizes, without the whole schema."""

import json
from collections.abc import Mapping
from typing import TypedDict

from synthcli.presets.commands import find_preset_verb
from synthcli.presets.merge import values_of
from synthcli.presets.resolve import load_preset, merge_tree
from synthcli.presets.sizes import key_of, measure_model, read_recorded_sizes


class ListedPreset(TypedDict):
    """A preset among others; `paper` is its table."""

    name: str
    title: str
    verb: str
    paper: dict[str, str] | None
    parameters: int


def summarise(name: str) -> ListedPreset:
    """Return a preset's row; one that is not as it was recorded is validated, and its model built."""
    table = values_of(merge_tree(name, None, None, ()))
    paper = table.get("paper")
    size = read_recorded_sizes().get(key_of_preset(table)) or measure_model(
        load_preset(name).model.model_dump_json()
    )
    return {
        "name": str(table["name"]),
        "title": str(table["title"]),
        "verb": find_preset_verb(table),
        "paper": paper if isinstance(paper, dict) else None,
        "parameters": size.total,
    }


def key_of_preset(table: Mapping[str, object]) -> str:
    """Return what stands for a whole preset in the record: changed by any change of it."""
    return key_of(json.dumps(table, sort_keys=True, default=str))
