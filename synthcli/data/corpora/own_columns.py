"""What the columns of a record mean: a text, alone or with a label or a score, or a source and a target."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthcli.data.corpora.base import Kind
from synthcli.data.corpora.own_options import written_as
from synthcli.data.corpora.reading import shown
from synthcli.data.corpora.source import Row
from synthcli.errors import SynthError

MEANINGS = {
    "text": "NAME",
    "label": "NAME",
    "classes": "ONE+TWO",
    "score": "NAME",
    "source": "NAME",
    "target": "NAME",
}
KINDS: dict[frozenset[str], Kind] = {
    frozenset(): "text",
    frozenset({"text"}): "text",
    frozenset({"text", "label", "classes"}): "labelled",
    frozenset({"text", "score"}): "scored",
    frozenset({"source", "target"}): "pairs",
}


@dataclass(frozen=True)
class Columns:
    """Which columns a row is made of, and of what kind it is."""

    kind: Kind
    named: dict[str, str]  # what it means -> the column
    classes: tuple[str, ...] = ()

    def row(self, record: Mapping[str, Any], where: str) -> Row:
        """Return the row of a record; `where` is its file and line."""
        missing = [f"`{column}`" for column in self.named.values() if column not in record]
        if missing:
            held = shown(", ".join(record) or "nothing")
            raise SynthError(f"{where} has no {', '.join(missing)}, but {held}", "name the columns it has")
        row: Row = {}
        for meaning in ("text", "source", "target"):
            if meaning in self.named:
                row[meaning] = self.text(record, self.named[meaning], where)
        if "label" in self.named:
            row["label"] = self.label(record[self.named["label"]], where)
        if "score" in self.named:
            row["score"] = score(record[self.named["score"]], where)
        return row

    def text(self, record: Mapping[str, Any], column: str, where: str) -> str:
        if not isinstance(record[column], str):
            raise SynthError(f"{where} has `{shown(record[column])}` as `{column}`", "expected a text")
        return str(record[column])

    def label(self, value: Any, where: str) -> int:
        label = value.strip() if isinstance(value, str) else json.dumps(value)
        if label not in self.classes:
            allowed = ", ".join(f"`{name}`" for name in self.classes)
            raise SynthError(f"{where} has the label `{shown(label)}`", f"expected one of {allowed}")
        return self.classes.index(label)


def score(value: Any, where: str) -> float:
    """Return a finite number."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SynthError(f"{where} has the score `{shown(value)}`", "expected a number")
    return number


def columns_of(name: str, options: Mapping[str, str]) -> Columns:
    """Return what the options of a name say about columns; none: a text called `text`."""
    given = {key: value for key, value in options.items() if key in MEANINGS}
    if {"label", "score", "classes"} & given.keys():
        given.setdefault("text", "text")
    kind = KINDS.get(frozenset(given))
    classes = tuple(given.pop("classes", "").split("+"))
    if kind is None or (kind == "labelled" and (len(set(classes)) < len(classes) or len(classes) < 2)):
        needs = (
            "classes, in the order of their numbers"
            if "label" in given
            else "`text`, or `source` and `target`"
        )
        raise SynthError(
            f"`{name}` does not say what a row is: it needs {needs}",
            f"expected {written_as(name.partition(':')[0], MEANINGS)}",
        )
    return Columns(kind, given or {"text": "text"}, classes if kind == "labelled" else ())
