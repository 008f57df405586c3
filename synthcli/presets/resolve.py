"""From a name to an experiment: `--set` > `--config` > scale > preset > what it extends > defaults."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from synthcli.errors import SynthError, did_you_mean
from synthcli.presets.files import (
    describe_origin,
    find_preset,
    find_preset_file,
    is_of_library,
    read_preset,
    read_toml,
)
from synthcli.presets.grid import GRID
from synthcli.presets.merge import Sourced, Tree, merge_trees, sources_of, trace, values_of, without_overruled
from synthcli.presets.old_names import drop_idle, rename
from synthcli.presets.overrides import parse_overrides

if TYPE_CHECKING:
    from synthcli.config import Config
    from synthcli.presets.schema import Experiment

    Table = TypeVar("Table", bound=Config)

PAPER_SCALE = "paper"


def load_preset(
    name: str,
    scale: str | None = None,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
) -> "Experiment":
    """Return the experiment a preset describes; every mistake in it is reported at once.

    `name` is a preset of the library or the path of a TOML file. No scale means the paper's, or the
    one a run's own `preset.toml` was resolved at.
    """
    return resolve(name, merge_tree(name, scale, config_file, overrides))


def resolve(name: str, tree: Tree) -> "Experiment":
    """Return the experiment of merged layers, with what one value says of another."""
    from synthcli.presets.derived import derive  # a name that does not exist costs no pydantic

    return validate_tree(name, derive(drop_idle(tree)))


def merge_tree(name: str, scale: str | None, config_file: Path | None, overrides: Sequence[str]) -> Tree:
    """Return all layers as one table, unchecked."""
    path = find_preset(name)
    tree = at_scale(inherit_preset(path), name, scale)
    origin = f"the name of {path.name}" if path.exists() else describe_origin(path)
    tree.setdefault("name", Sourced(path.stem, origin))
    if config_file is not None:
        tree = merge_trees(tree, config_layer(config_file))
    return merge_trees(tree, parse_overrides(overrides))


def inherit_preset(path: Path, below: tuple[Path, ...] = ()) -> Tree:
    """Return a preset file merged over what it extends, overlays of scales included."""
    here = Path(os.path.abspath(path))  # noqa: PTH100, links stay
    chain = (*below, here)
    if here in below:
        names = " → ".join(f"`{file.name}`" for file in chain)
        raise SynthError(f"presets extend each other in a circle: {names}", "remove one `extends`")
    table = rename(read_preset(path))
    parent = table.pop("extends", None)
    if table.pop("abstract", False) and is_of_library(path):
        table.pop(GRID, None)  # presets of their own
    own = trace_with_overlays(table, describe_origin(path))
    if parent is None:
        return own
    if not isinstance(parent, str):
        message = f"`extends` = {json.dumps(parent)} in `{path.name}` is not one name"
        raise SynthError(message, "a preset extends one parent: its name, or the path of its file")
    base = inherit_preset(find_preset_file(parent, path.parent), chain)
    base.pop("name", None)  # a name is the file's own
    overlays = base.get("scale")
    if isinstance(overlays, dict):
        base["scale"] = {
            scale: without_overruled(one, base, own) if isinstance(one, dict) else one
            for scale, one in overlays.items()
        }
    return merge_trees(base, own)


def trace_with_overlays(table: Mapping[str, object], file: str) -> Tree:
    """Return the table with its sources; overlays say that they are overlays."""
    tree = trace({key: value for key, value in table.items() if key != "scale"}, file)
    scales = table.get("scale", {})
    if not isinstance(scales, dict):
        tree["scale"] = Sourced(scales, file)
    elif scales:
        tree["scale"] = {name: overlay(name, one, file) for name, one in scales.items()}
    return tree


def overlay(scale: str, table: object, file: str) -> Tree:
    """Return one `[scale.X]` with its sources."""
    if not isinstance(table, dict):
        raise SynthError(
            f"`scale.{scale}` of `{file}` is not a table", f"write `[scale.{scale}]` and keys below it"
        )
    return trace(table, f"scale {scale} of {file}")


def at_scale(tree: Tree, name: str, scale: str | None) -> Tree:
    """Return the table with the overlay of a scale laid on, and the other overlays gone."""
    overlays = tree.get("scale", {})
    if isinstance(overlays, Sourced):  # a run's own preset.toml says at which scale it was resolved
        if scale not in (None, overlays.value):
            message = f"`{name}` was resolved at scale `{overlays.value}`, it cannot be run at `{scale}`"
            raise SynthError(message, "start from the preset it was made of")
        return tree
    rest = {key: value for key, value in tree.items() if key != "scale"}
    rest["scale"] = Sourced(scale or PAPER_SCALE, "--scale" if scale else "default")
    if scale is not None and scale not in (PAPER_SCALE, *overlays):
        raise SynthError(f"`{name}` has no scale `{scale}`", did_you_mean(scale, [PAPER_SCALE, *overlays]))
    layer = overlays.get(scale or PAPER_SCALE, {})
    return merge_trees(rest, layer if isinstance(layer, dict) else {})


def config_layer(path: Path) -> Tree:
    """Return the layer of `--config FILE`: settings only."""
    table = read_toml(path)
    for key in ("extends", "abstract", "scale"):
        if key in table:
            hint = "it holds tables such as `[training]`; a preset file takes the place of the preset"
            raise SynthError(f"`{key}` has no meaning in `--config {path}`", hint)
    return trace(rename(table), f"--config {path}")


def validate_tree(name: str, tree: Tree) -> "Experiment":
    """Return the experiment, or raise with every problem listed."""
    from synthcli.presets.compatibility import misfits
    from synthcli.presets.schema import Experiment

    sources = sources_of(tree)
    experiment, problems = check_tree(Experiment, tree)
    problems += misfits(values_of(tree), f" (from {sources.get('data.corpus')})")
    if experiment is None or problems:
        raise refuse_preset(name, problems)
    experiment._sources = sources
    return experiment


def check_tree(kind: "type[Table]", tree: Tree) -> "tuple[Table | None, list[str]]":
    """Return merged layers as a table of a kind, or None, and everything that is wrong with them."""
    from pydantic import ValidationError

    from synthcli.presets.validation_errors import problems_of

    table, sources = values_of(tree), sources_of(tree)
    try:
        # through JSON, whose strict mode takes lists for tuples but no "8" for 8
        return kind.model_validate_json(json.dumps(table, default=str), strict=True), []
    except ValidationError as error:
        return None, problems_of(error, table, sources, kind.model_json_schema())


ASKED = "(from --"  # an option of the command line


def refuse_preset(name: str, problems: list[str]) -> SynthError:
    """Return the one error that lists all problems of a preset."""
    is_asked = all(ASKED in problem for problem in problems)  # then the preset itself can be shown
    command = shlex.join(["synth", "presets", "show", name if is_asked else "NAME"])
    hint = f"`{command}` prints every key of a preset, its value and where it comes from"
    if len(problems) == 1:
        return SynthError(f"preset `{name}`: {problems[0]}", hint)
    lines = "".join(f"\n  {problem}" for problem in problems)
    return SynthError(f"preset `{name}` has {len(problems)} problems:{lines}", hint)
