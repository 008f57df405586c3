"""Presets that are a product: `[grid]` of a family says them all, one for each choice of a value an axis.

[grid]
name = "glue-{task}-{variant}"
[[grid.task]]                       # an axis; what else a value says is laid over the preset
value = "cola"
label = "CoLA"
data.corpus = "glue-cola"
[[grid.variant]]
value = "dense"
[grid.preset]                       # every preset; `{task}` by itself is the value, with its type
extends = "glue-{variant}"
title = "GLUE {task.label}, {variant}"
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from synthcli.presets.merge import merge_trees, trace, values_of

GRID = "grid"
PARTS = ("name", "preset")  # of a grid; every other key is an axis
FIELDS = ("value", "label")  # of a value on an axis; every other key is a setting


@dataclass(frozen=True)
class Point:
    """A value on an axis, and the words for it in titles."""

    value: object
    label: str

    def __str__(self) -> str:
        return str(self.value)


def grid_cells(family: str, grid: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the presets of a grid: name, and tables as a file of its own would have them."""
    axes = {name: [_split(entry) for entry in entries] for name, entries in grid.items() if name not in PARTS}
    for chosen in product(*axes.values()):
        points = {axis: point for axis, (point, _) in zip(axes, chosen, strict=True)}
        filled = _fill_template(grid["preset"], points)
        assert isinstance(filled, dict)
        tree = trace({"extends": family} | filled, family)
        for _, settings in chosen:
            tree = merge_trees(tree, trace(settings, family))
        yield grid["name"].format(**points), values_of(tree)


def _split(entry: object) -> tuple[Point, dict[str, object]]:
    """Return a value of an axis, and the settings that come with it."""
    if not isinstance(entry, dict):
        return Point(entry, str(entry)), {}
    point = Point(entry["value"], entry.get("label", str(entry["value"])))
    return point, {key: value for key, value in entry.items() if key not in FIELDS}


def _fill_template(template: object, points: dict[str, Point]) -> object:
    """Return a table with `{axis}` filled in; a text that is nothing else becomes the value itself."""
    if isinstance(template, dict):
        return {key.format(**points): _fill_template(value, points) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill_template(value, points) for value in template]
    if not isinstance(template, str):
        return template
    alone = points.get(template[1:-1]) if template[:1] + template[-1:] == "{}" else None
    return template.format(**points) if alone is None else alone.value
