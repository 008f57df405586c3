"""From a preset, or none, and what is asked to the settings of a compression: resolved like every preset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcli.errors import SynthError
from synthcli.presets.commands import build_command, find_preset_verb
from synthcli.presets.merge import Tree, merge_trees, trace, values_of
from synthcli.presets.overrides import parse_overrides
from synthcli.presets.resolve import check_tree, config_layer, merge_tree, resolve

if TYPE_CHECKING:
    from synthcli.compress.config import CompressConfig
    from synthcli.model_config.model import ModelConfig

LIMIT = 2000  # sequences to learn from where no preset says
# what a command does where no preset is named
ALONE: dict[str, dict[str, object]] = {
    "distill-block": {"limit": LIMIT},
    "merge-layers": {"limit": LIMIT, "start": "pooled"},
    "heal": {},
    "probe": {"limit": 500},
}
# settings that make another student than the preset's, whose name would not fit it
OTHER_STUDENT = {"distill-block": {"mixer", "heads", "d_head"}, "merge-layers": {"blocks", "group"}}


@dataclass(frozen=True)
class Compression:
    """Settings, and of a preset the model and the name of the student where they are still that preset's."""

    config: Any
    model: "ModelConfig | None" = None
    name: str | None = None


def load_compression(
    verb: str,
    preset: str | None = None,
    scale: str | None = None,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    flags: Tree | None = None,
) -> Compression:
    """Return what a command is to do: a preset's `[compress]`, or its own defaults, under what is asked.

    `flags` are settings of `[compress]`, laid over all else.
    """
    layers = [{} if config_file is None else config_layer(config_file), parse_overrides(overrides)]
    asked = merge_trees(merge_trees(*layers), {"compress": flags} if flags else {})
    if preset is None:
        if scale is not None:
            raise SynthError("`--scale` belongs to a preset, and none is named", "give `--preset NAME`")
        return Compression(_alone(verb, asked))
    tree = merge_tree(preset, scale, None, ())
    refuse_other_verb(preset, values_of(tree), verb)
    experiment = resolve(preset, merge_trees(tree, asked))
    own = asked.get("compress")
    is_other = isinstance(own, dict) and bool(OTHER_STUDENT.get(verb, set()) & own.keys())
    return Compression(experiment.compress, experiment.model, None if is_other else experiment.name)


def _alone(verb: str, asked: Tree) -> "CompressConfig":
    """Return the settings of a command without a preset."""
    from synthcli.compress.config import Alone
    from synthcli.presets.derived import derive_compression

    tree = merge_trees(trace({"compress": {"method": verb} | ALONE[verb]}, f"synth {verb}"), asked)
    found, problems = check_tree(Alone, derive_compression(tree))
    if found is None:
        hint = f"`synth {verb} --help` explains the options, `docs/compress.md` the settings"
        raise SynthError("\n  ".join(problems), hint)
    return found.compress


def refuse_other_verb(preset: str, table: Mapping[str, object], verb: str) -> None:
    """Raise where a preset is for another command."""
    own = find_preset_verb(table)
    if own == verb:
        return
    what = f"is for `synth {own}`" if table.get("compress") else "has no `[compress]`"
    hint = f"`{build_command(own, preset)}` makes its model; `synth presets ls` lists the others"
    raise SynthError(f"preset `{preset}` {what}", hint)
