"""Columns to name instead of those a file does not have, so that the hint of a message can be followed."""

import shlex
from collections.abc import Mapping
from difflib import get_close_matches

from synthcli.data.corpora.local_files.fields import Field, find_paths, pick
from synthcli.data.corpora.local_files.options import with_options
from synthcli.data.corpora.source import Record


def suggest_columns(name: str, fields: Mapping[str, Field], record: Record) -> str:
    """Name a corpus with columns of a record in the place of those it lacks.

    A column of nearly the same name is taken; else for a text the one of most words, for a class the last.
    """
    have = list(find_paths(record))
    lacking = {key: field.paths[0] for key, field in fields.items() if not set(field.paths) <= set(have)}
    free = [path for path in have if all(path not in field.paths for field in fields.values())]
    changed: dict[str, str | None] = {}
    for meaning, wanted in lacking.items():
        if not free:
            return "name the columns it has"
        path = _nearest(wanted, free) or _likely(meaning, free, record)
        changed[meaning] = path.replace("{", "{{").replace("}", "}}")
        free.remove(path)
    return f"name the columns it has, such as `{shlex.quote(with_options(name, **changed))}`"


def _nearest(wanted: str, free: list[str]) -> str | None:
    """Return the column whose name is nearly the one wanted."""
    alike = {path.strip().casefold(): path for path in free}
    near = get_close_matches(wanted.strip().casefold(), alike, n=1)
    return alike[near[0]] if near else None


def _likely(meaning: str, free: list[str], record: Record) -> str:
    """Return the column that most likely holds a text, or what is learnt of one."""
    texts = {path: text for path in free if isinstance(text := pick(record, path), str)}
    if meaning in ("text", "source") and texts:
        return max(texts, key=lambda path: (len(texts[path].split()), len(texts[path])))
    return ([*texts] or free)[-1] if meaning == "target" else free[-1]
