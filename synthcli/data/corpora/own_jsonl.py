"""A user's own json lines: `jsonl` reads the field `text`, `jsonl:text=body` another, and so on as `csv`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.own_columns import MEANINGS, Columns, columns_of
from synthcli.data.corpora.own_options import options_of
from synthcli.data.corpora.own_records import own_records
from synthcli.data.corpora.own_split import CUT, rule_of
from synthcli.data.corpora.own_split import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import json_lines
from synthcli.data.corpora.source import Row

OPTIONS = MEANINGS | SPLIT_OPTIONS
ENDINGS = (".jsonl", ".json", ".ndjson")
LAYOUT = (
    "a file, a folder or a pattern in quotes of `.jsonl`, one object a line, plain or .gz;"
    " `jsonl:text=FIELD`, `jsonl:text=FIELD,label=FIELD,classes=ONE+TWO`, `jsonl:text=FIELD,score=FIELD` or"
    " `jsonl:source=FIELD,target=FIELD` names the fields;"
    f" {CUT}"
)


def rows(files: tuple[Path, ...], columns: Columns) -> Iterator[Row]:
    for path in files:
        for number, record in json_lines(path):
            yield columns.row(record, f"`{path}`, line {number},")


def own_jsonl(name: str) -> Corpus:
    """Return the corpus that a name such as `jsonl:text=body` asks for."""
    options = options_of(name, OPTIONS)
    columns, rule = columns_of(name, options), rule_of(name, options)
    read = partial(rows, columns=columns)
    return own_records(name, "Your own json lines", LAYOUT, ENDINGS, columns, read, rule)
