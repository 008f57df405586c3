"""`--set key.path=value`: the value is written as in TOML; a bare word is a string."""

from collections.abc import Iterable

from synthcli.errors import SynthError
from synthcli.presets.merge import Tree, merge_trees, trace
from synthcli.presets.old_names import rename
from synthcli.safe_read import DEEPEST, parse_toml

TomlValue = str | bool | int | float | list[object] | dict[str, object]


def parse_overrides(words: Iterable[str]) -> Tree:
    """Return the table all `--set` together describe; of two for one key the later counts."""
    tree: Tree = {}
    for word in words:
        tree = merge_trees(tree, trace(rename(parse_override(word)), "--set"))
    return tree


def parse_override(word: str) -> dict[str, object]:
    """Return `{"training": {"seed": 3}}` for `training.seed=3`."""
    path, equals, text = word.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        hint = "write `--set key.path=value`, for example `--set training.seed=3`"
        raise SynthError(f"`--set {word}` names no key and value", hint)
    if len(keys) > DEEPEST:
        raise SynthError(f"`--set {word}` names {len(keys):,} keys within each other", "no key is so deep")
    first, *below = keys
    value: object = parse_value(text.strip())
    for key in reversed(below):
        value = {key: value}
    return {first: value}


def parse_value(text: str) -> TomlValue:
    """Return the TOML value, or the text itself where it is none (`multi30k`) or a date."""
    try:
        parsed = parse_toml(f"value = {text}")
    except ValueError:
        return text
    value = parsed["value"]
    plain = isinstance(value, (str, bool, int, float, list, dict)) and len(parsed) == 1
    return value if plain else text
