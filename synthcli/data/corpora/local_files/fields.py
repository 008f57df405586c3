"""A value of a record: a column, a field within fields (`meta.tags.0`), or several in a template."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from synthcli.data.corpora.reading import clip
from synthcli.data.corpora.source import Record
from synthcli.errors import SynthError

PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
DEEPEST = 3  # fields within fields that a message names
ESCAPES = {"\\n": "\n", "\\t": "\t"}  # in templates: a shell has no easy line feed


class Field(Protocol):
    """Where a value of a row is found."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The columns or fields it needs."""
        ...

    def value(self, record: Record) -> object:
        """Return the value; KeyError where the record lacks a path."""
        ...


@dataclass(frozen=True)
class Single:
    """One column or field, as it is."""

    path: str

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,)

    def value(self, record: Record) -> object:
        return pick(record, self.path)


@dataclass(frozen=True)
class Template:
    """Text with fields in it: `{question} {answer}`; one without a value is empty, a number is written."""

    parts: tuple[tuple[str, str], ...]  # text, and the path that follows it, if any

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for _, path in self.parts if path)

    def value(self, record: Record) -> object:
        return "".join(text + (_as_text(record, path) if path else "") for text, path in self.parts)


def field_from(written: str) -> Field:
    """Return the field that a value of an option names; a field in braces makes a template of it.

    A brace without its partner raises ValueError; one that is meant is written twice.
    """
    parts, text, place = [], "", 0
    for piece in PIECE.finditer(written):
        text += written[place : piece.start()]
        place = piece.end()
        if piece[1]:
            parts.append((_unescape(text), piece[1]))
            text = ""
        elif len(piece[0]) == 1:
            raise ValueError(f"`{piece[0]}` without its partner")
        else:
            text += piece[0][0]
    if not parts:
        return Single(text + written[place:])
    return Template((*parts, (_unescape(text + written[place:]), "")))


def _unescape(text: str) -> str:
    for written, meant in ESCAPES.items():
        text = text.replace(written, meant)
    return text


def pick(record: object, path: str) -> object:
    """Return what stands at a path, first a field of exactly that name; KeyError where there is none."""
    if isinstance(record, Mapping) and path in record:
        return record[path]
    value = record
    for step in path.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(path)
    return value


class NoTextError(Exception):
    """A template names a field that holds fields or a list."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(path)
        self.path, self.value = path, value


def _as_text(record: Record, path: str) -> str:
    """Return what stands at a path as it is written in a template."""
    value = pick(record, path)
    if isinstance(value, str) or value is None:
        return value or ""
    if isinstance(value, (dict, list)):
        raise NoTextError(path, value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_paths(value: Record | list[object], deep: int = DEEPEST) -> Iterator[str]:
    """Yield the paths of a record, those of lists as far as their first element."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value[:1])
    for key, held in inner:
        if isinstance(held, Mapping | list) and held and deep > 1:
            yield from (f"{key}.{path}" for path in find_paths(held, deep - 1))
        else:
            yield str(key)


def describe_lack(record: Record, missing: list[str], where: str, hint: str) -> SynthError:
    """Say which fields a record lacks, and which it has."""
    names = ", ".join(f"`{path}`" for path in missing)
    return SynthError(f"{where} has no {names}, but {clip(', '.join(find_paths(record)) or 'nothing')}", hint)
