"""How settings from several places become one table, each value remembering where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sourced:
    """A value (anything but a table) and the place that set it."""

    value: object
    source: str


Tree = dict[str, "Tree | Sourced"]

# Of these only one may stand in a table: setting one drops the other where it was inherited.
ALTERNATIVES = {"steps": "epochs", "epochs": "steps", "size": "max_tokens", "max_tokens": "size"}


def merge_trees(base: Tree, over: Tree) -> Tree:
    """Return `base` with `over` laid on it: tables merge by key, everything else is replaced.

    A table of another `kind` replaces the whole table, since the keys of one kind mean nothing to another.
    """
    if changes_kind(base, over):
        return over
    dropped = {ALTERNATIVES[key] for key in over if key in ALTERNATIVES} - over.keys()
    merged = {key: value for key, value in base.items() if key not in dropped}
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = merge_trees(below, value)
        else:
            merged[key] = value
    return merged


def changes_kind(base: Tree, over: Tree) -> bool:
    """Whether both tables name a `kind`, and not the same one."""
    old, new = base.get("kind"), over.get("kind")
    return isinstance(old, Sourced) and isinstance(new, Sourced) and old.value != new.value


def without_overruled(overlay: Tree, base: Tree, over: Tree) -> Tree:
    """Return an overlay written for `base` without its tables that `over` gives another `kind`.

    A table of the overlay that names its own kind says all it needs, and stays.
    """
    kept = dict(overlay)
    for key, new in over.items():
        old, laid = base.get(key), overlay.get(key)
        if not (isinstance(new, dict) and isinstance(old, dict) and isinstance(laid, dict)):
            continue
        if not changes_kind(old, new):
            kept[key] = without_overruled(laid, old, new)
        elif "kind" not in laid:
            del kept[key]
    return kept


def trace(table: Mapping[str, object], source: str) -> Tree:
    """Return a table whose every value remembers `source`."""
    return {
        key: trace(value, source) if isinstance(value, dict) else Sourced(value, source)
        for key, value in table.items()
    }


def values_of(tree: Tree) -> dict[str, object]:
    """Return the plain table, without sources."""
    return {key: values_of(v) if isinstance(v, dict) else v.value for key, v in tree.items()}


def tables(table: Mapping[str, object], *keys: str) -> list[dict[str, object]]:
    """Return tables by key; whatever is no table counts as an empty one."""
    found = (table.get(key) for key in keys)
    return [one if isinstance(one, dict) else {} for one in found]


def sources_of(tree: Tree, prefix: str = "") -> dict[str, str]:
    """Return where each value came from, by dotted key."""
    sources: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            sources |= sources_of(value, f"{prefix}{key}.")
        else:
            sources[prefix + key] = value.source
    return sources
