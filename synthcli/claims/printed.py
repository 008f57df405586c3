"""The printed figures of presets, as the files of claims have them: read in a moment, unchecked."""

from collections.abc import Mapping
from functools import cache

from synthcli.presets.files import CLAIMS, library_folder, read_toml

FIGURES = ("value", "count")  # kinds of claims that are one number


@cache
def figures_by_preset() -> Mapping[str, Mapping[str, dict[str, object]]]:
    """Return the claims that are one figure of one preset, by preset and id."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for path in sorted(library_folder().glob(f"*/{CLAIMS}")):
        for name, table in read_toml(path).items():
            arms = [*table.get("arms", {}).values()]
            if table.get("kind") in FIGURES and len(arms) == 1:
                found.setdefault(arms[0], {})[f"{path.parent.name}/{name}"] = table
    return found
