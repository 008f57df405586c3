"""What the columns of a record mean: a text, alone or with a label or a score, or a source and a target."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from synthcli.data.corpora.base import Kind
from synthcli.data.corpora.local_files.fields import (
    Field,
    NoTextError,
    Template,
    describe_lack,
    field_from,
    find_paths,
    pick,
)
from synthcli.data.corpora.local_files.label_classes import ALL, MOST, LabelClasses, classes_from
from synthcli.data.corpora.local_files.options import show_options, unquote, with_options
from synthcli.data.corpora.local_files.suggestions import suggest_columns
from synthcli.data.corpora.reading import clip
from synthcli.data.corpora.source import Record, Row
from synthcli.errors import SynthError

MEANINGS = {
    "text": "NAME",
    "label": "NAME",
    "classes": "all|ONE+TWO|@FILE",
    "score": "NAME",
    "source": "NAME",
    "target": "NAME",
}
KINDS: dict[frozenset[str], Kind] = {
    frozenset({"text"}): "text",
    frozenset({"text", "label"}): "labelled",
    frozenset({"text", "score"}): "scored",
    frozenset({"source", "target"}): "pairs",
}
TEXTS = ("text", "source", "target")
FEW = 20  # rows whose labels may all differ: a few to evaluate on

Records = Iterable[tuple[Record, str]]
"""Records of files, and where each stands."""


@dataclass(frozen=True)
class Columns:
    """Which columns a row is made of, and of what kind it is."""

    name: str  # of the corpus
    kind: Kind
    fields: dict[str, Field]  # by what they mean
    classes: LabelClasses | None = None

    def row(self, record: Record, where: str) -> Row:
        """Return the row of a record; `where` is its file and line."""
        row: Row = {}
        for meaning, field in self.fields.items():
            value = self.value(field, record, where)
            if meaning in TEXTS:
                row[meaning] = self.text(meaning, value, where)  # type: ignore[literal-required]  # a TypedDict's key, of TEXTS
            elif meaning == "label":
                row["label"] = self.read_label(value, where)
            else:
                row["score"] = _read_score(value, where)
        return row

    def value(self, field: Field, record: Record, where: str) -> object:
        try:
            return field.value(record)
        except KeyError:
            missing = [path for path in self.paths if not has(record, path)]
            raise describe_lack(record, missing, where, self.suggest(record)) from None
        except NoTextError as error:
            message = f"{where} has `{clip(error.value)}` as `{error.path}`"
            inner = next(find_paths({error.path: error.value}), error.path)
            raise SynthError(message, f"name what is in it, such as `{inner}`") from None

    @property
    def paths(self) -> tuple[str, ...]:
        """The columns or fields that are wanted, each once."""
        return tuple(dict.fromkeys(path for field in self.fields.values() for path in field.paths))

    def suggest(self, record: Record) -> str:
        """Name the corpus with columns that a record has, as far as they can be guessed."""
        return suggest_columns(self.name, self.fields, record)

    def text(self, meaning: str, value: object, where: str) -> str:
        if isinstance(value, str):
            return value
        path = self.fields[meaning].paths[0]
        hint = "expected a text"
        if isinstance(value, (int, float)):
            hint = f"`{meaning}={{{path}}}` takes a number as text"
        raise SynthError(f"{where} has `{clip(value)}` as `{path}`", hint)

    def label(self, value: object, where: str) -> str:
        """Return the name of a class."""
        label = value.strip() if isinstance(value, str) else json.dumps(value)
        if not label or value is None:
            raise SynthError(f"{where} has no label", "give it one, or take the row out")
        return label

    def read_label(self, value: object, where: str) -> int:
        assert self.classes is not None
        label = self.label(value, where)
        number = self.classes.numbers.get(label)
        if number is None:
            allowed = clip(", ".join(f"`{name}`" for name in self.classes.names))
            every = with_options(self.name, classes=None)
            hint = f"expected one of {allowed}; `{every}` takes every class that is found"
            raise SynthError(f"{where} has the label `{clip(label)}`", hint)
        return number

    def count_classes(self, read: Callable[[], Records]) -> "Columns":
        """Return the columns with classes that are found, if nobody lists them, among records."""
        if self.classes is None or self.classes.listed or self.classes.file is not None:
            return self
        return replace(self, classes=replace(self.classes, count=lambda: self.count_labels(read())))

    def count_labels(self, records: Records) -> Counter[str]:
        """Count the labels of records; where more than a few rows have each another they are no classes."""
        counts: Counter[str] = Counter()
        for record, where in records:
            counts[self.label(self.value(self.fields["label"], record, where), where)] += 1
            if len(counts) > MOST:
                self.refuse_no_classes(f"more than {MOST:,} values")
        if len(counts) > FEW and len(counts) == counts.total():
            self.refuse_no_classes(f"another value in each of {len(counts):,} rows")
        return counts

    def refuse_no_classes(self, what: str) -> None:
        (path,) = self.fields["label"].paths
        hint = (
            f"name the column of a class; `{with_options(self.name, label=None, score=path)}` learns a number"
        )
        raise SynthError(f"the label `{path}` of `{self.name}` has {what}", hint)


def has(record: Record, path: str) -> bool:
    try:
        pick(record, path)
    except KeyError:
        return False
    return True


def _read_score(value: object, where: str) -> float:
    """Return a finite number."""
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(OverflowError, ValueError):
            number = float(value)
    if not math.isfinite(number):
        raise SynthError(f"{where} has the score `{clip(value)}`", "expected a number")
    return number


def read_columns(name: str, options: Mapping[str, str]) -> Columns:
    """Return what the options of a name say about columns; none: a text called `text`."""
    given = {key: value for key, value in options.items() if key in MEANINGS}
    if not given or {"label", "score", "classes"} & given.keys():
        given.setdefault("text", "text")
    classes = given.pop("classes", None)
    kind = KINDS.get(frozenset(given))
    if kind is None or (classes is not None and kind != "labelled"):
        needs = "`label`" if classes is not None else "`text`, or `source` and `target`"
        if {"label", "score"} <= given.keys():
            needs = "`label` or `score`, not both"
        raise SynthError(
            f"`{name}` does not say what a row is: it needs {needs}",
            f"expected {show_options(name.partition(':')[0], MEANINGS)}",
        )
    found = classes_from(name, classes or ALL) if kind == "labelled" else None
    order = [meaning for meaning in MEANINGS if meaning in given]
    return Columns(name, kind, {key: _read_field(name, key, given[key]) for key in order}, found)


def _read_field(name: str, meaning: str, written: str) -> Field:
    """Return the field of an option; only a text may be a template."""
    try:
        field = field_from(unquote(written))
    except ValueError as error:
        hint = "a brace that is no field is written twice: `{{`"
        raise SynthError(f"`{name}` gives `{meaning}` with {error}", hint) from None
    if meaning not in TEXTS and isinstance(field, Template):
        raise SynthError(f"`{name}` gives `{meaning}` as a template", "only texts are made of several fields")
    return field
