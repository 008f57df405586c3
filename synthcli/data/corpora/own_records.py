"""Corpora of a user's own records, whose columns mean what their name says: `csv` and `jsonl`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.own_columns import Columns
from synthcli.data.corpora.own_files import LICENCE, URL, found
from synthcli.data.corpora.own_split import SplitRule
from synthcli.data.corpora.source import Folder, Parse
from synthcli.data.corpora.splitting import CutFolder, split_own_folder


def own_records(
    name: str,
    title: str,
    layout: str,
    endings: Sequence[str],
    columns: Columns,
    rows: Parse,
    rule: SplitRule,
) -> Corpus:
    """Return the corpus of a name; `rows` reads files that end as given, if they are found in a folder."""
    return Corpus(
        name=name,
        kind=columns.kind,
        title=title,
        licence=LICENCE,
        url=URL,
        layout=layout,
        class_names=columns.classes,
        folder=partial(
            folder, name=name, layout=layout, endings=endings, rows=rows, rule=rule, classes=columns.classes
        ),
        finds_source=True,
    )


def folder(
    root: Path,
    name: str,
    layout: str,
    endings: Sequence[str],
    rows: Parse,
    rule: SplitRule,
    classes: tuple[str, ...],
) -> Folder | CutFolder:
    base, files = found(root, name, layout, endings)
    return split_own_folder(base, [(path,) for path in files], rows, name, layout, rule, classes)
