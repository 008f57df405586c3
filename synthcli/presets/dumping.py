"""An experiment as TOML that loads back equal, every value with a comment that says where it came from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthcli.presets.schema import Experiment

COMMENT_COLUMN = 44


def dump(experiment: "Experiment") -> str:
    """Return the whole experiment, defaults included; what is absent is None."""
    table = experiment.model_dump(mode="json", exclude_none=True)
    return "\n".join(lines_of(table, (), experiment)).strip() + "\n"


def lines_of(table: Mapping[str, object], path: tuple[str, ...], experiment: "Experiment") -> Iterator[str]:
    """Yield the values of a table, then its tables."""
    tables = {key: value for key, value in table.items() if isinstance(value, dict) and value}
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and plain:
        yield f"\n[{'.'.join(write_key(key) for key in path)}]"
    for key, value in plain.items():
        line = f"{write_key(key)} = {write_toml_value(value)}"
        yield f"{line:<{COMMENT_COLUMN}}  # {experiment.source_of('.'.join((*path, key)))}"
    for key, value in tables.items():
        yield from lines_of(value, (*path, key), experiment)


def write_key(key: str) -> str:
    import tomlkit

    return str(tomlkit.key(key).as_string())


def write_toml_value(value: object) -> str:
    """Return a value in TOML on one line; the tables of a list stand inline."""
    import tomlkit

    if isinstance(value, list):
        return f"[{', '.join(write_toml_value(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{write_key(key)} = {write_toml_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(tomlkit.item(value).as_string())
