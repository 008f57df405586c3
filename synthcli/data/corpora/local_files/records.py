"""Corpora of a user's own records, whose columns mean what their name says: `csv` and `jsonl`."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.local_files.columns import Columns, Records
from synthcli.data.corpora.local_files.files import LICENCE, URL, find_own_files
from synthcli.data.corpora.local_files.named_splits import split_own_folder
from synthcli.data.corpora.local_files.split_rule import SplitRule
from synthcli.data.corpora.source import Folder, Row
from synthcli.data.corpora.splitting import CutFolder

ReadRecords = Callable[[tuple[Path, ...]], Records]


def own_records(
    name: str,
    title: str,
    layout: str,
    endings: Sequence[str],
    columns: Columns,
    read: ReadRecords,
    rule: SplitRule,
) -> Corpus:
    """Return the corpus of a name; `read` reads files that end as given, if they are found in a folder."""
    opening = partial(
        _open_record_files, name=name, layout=layout, endings=endings, columns=columns, read=read, rule=rule
    )
    return Corpus(
        name=name,
        kind=columns.kind,
        title=title,
        licence=LICENCE,
        url=URL,
        layout=layout,
        class_names=() if columns.classes is None else columns.classes.listed,
        class_file=None if columns.classes is None else columns.classes.file,
        folder=opening,
        finds_source=True,
    )


def _open_record_files(
    root: Path,
    name: str,
    layout: str,
    endings: Sequence[str],
    columns: Columns,
    read: ReadRecords,
    rule: SplitRule,
) -> Folder | CutFolder:
    base, files = find_own_files(root, name, layout, endings)
    columns = columns.count_classes(lambda: read(tuple(files)))
    rows = partial(_read_record_rows, columns=columns, read=read)
    return split_own_folder(base, [(path,) for path in files], rows, name, layout, rule, columns.classes)


def _read_record_rows(files: tuple[Path, ...], columns: Columns, read: ReadRecords) -> Iterator[Row]:
    return (columns.row(record, where) for record, where in read(files))
