"""A user's own json lines: `jsonl` reads the field `text`, `jsonl:text=body` another, and so on as `csv`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.own_columns import MEANINGS, Columns, columns_of
from synthcli.data.corpora.own_files import LICENCE, URL, found
from synthcli.data.corpora.own_options import options_of
from synthcli.data.corpora.reading import json_lines
from synthcli.data.corpora.source import Folder, Row
from synthcli.data.corpora.splitting import split_folder

ENDINGS = (".jsonl", ".json", ".ndjson")
LAYOUT = (
    "a file, a folder or a pattern in quotes of `.jsonl`, one object a line, plain or .gz;"
    " `jsonl:text=FIELD`, `jsonl:text=FIELD,label=FIELD,classes=ONE+TWO`, `jsonl:text=FIELD,score=FIELD` or"
    " `jsonl:source=FIELD,target=FIELD` names the fields;"
    " train, valid and test in the files' names, else they are cut 90/5/5 by rows"
)


def rows(files: tuple[Path, ...], columns: Columns) -> Iterator[Row]:
    for path in files:
        for number, record in json_lines(path):
            yield columns.row(record, f"`{path}`, line {number},")


def folder(root: Path, name: str, columns: Columns) -> Folder:
    base, files = found(root, name, LAYOUT, ENDINGS)
    return split_folder(base, [(path,) for path in files], partial(rows, columns=columns), name, LAYOUT)


def own_jsonl(name: str) -> Corpus:
    """Return the corpus that a name such as `jsonl:text=body` asks for."""
    columns = columns_of(name, options_of(name, MEANINGS))
    return Corpus(
        name=name,
        kind=columns.kind,
        title="Your own json lines",
        licence=LICENCE,
        url=URL,
        layout=LAYOUT,
        class_names=columns.classes,
        folder=partial(folder, name=name, columns=columns),
        finds_source=True,
    )
