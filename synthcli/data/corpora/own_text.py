"""A user's own text: a file, a folder of `.txt`, or a pattern.

A row is a line; with `text:rows=paragraphs` it is what stands between blank lines, with `rows=files` a file.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.documents import paragraphs
from synthcli.data.corpora.own_files import LICENCE, URL, found
from synthcli.data.corpora.own_options import one_of, options_of
from synthcli.data.corpora.own_split import CUT, SplitRule, rule_of
from synthcli.data.corpora.own_split import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Row
from synthcli.data.corpora.splitting import CutFolder, split_own_folder

OPTIONS = {"rows": "lines|paragraphs|files"} | SPLIT_OPTIONS
ENDINGS = (".txt", ".text", ".md")
LAYOUT = (
    "a text file, a folder of `.txt`, `.text` or `.md`, or a pattern in quotes such as 'notes/**/*.py',"
    f" plain or .gz; {CUT};"
    " `text:rows=paragraphs` and `text:rows=files` read longer rows than lines"
)


def line_rows(path: Path) -> Iterator[Row]:
    return ({"text": line} for line in lines(path))


def file_rows(path: Path) -> Iterator[Row]:
    yield {"text": "\n".join(lines(path))}


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "lines": line_rows,
    "paragraphs": paragraphs,
    "files": file_rows,
}


def rows(files: tuple[Path, ...], read: Callable[[Path], Iterator[Row]]) -> Iterator[Row]:
    return chain.from_iterable(map(read, files))


# What stays together when rows are held out: the coarsest that comes near the shares.
UNITS = {
    "lines": ("files", "paragraphs", "lines"),
    "paragraphs": ("files", "rows"),
    "files": ("rows",),
}


def folder(
    root: Path, name: str, read: Callable[[Path], Iterator[Row]], rule: SplitRule
) -> Folder | CutFolder:
    base, files = found(root, name, LAYOUT, ENDINGS)
    groups = [(path,) for path in files]
    return split_own_folder(base, groups, partial(rows, read=read), name, LAYOUT, rule)


def own_text(name: str) -> Corpus:
    """Return the corpus that a name such as `text:rows=paragraphs` asks for."""
    options = options_of(name, OPTIONS)
    unit = one_of(name, options, "rows", tuple(READERS))
    rule = rule_of(name, options, UNITS[unit])
    return Corpus(
        name=name,
        kind="text",
        title=f"Your own text, {unit} as rows",
        licence=LICENCE,
        url=URL,
        layout=LAYOUT,
        folder=partial(folder, name=name, read=READERS[unit], rule=rule),
        finds_source=True,
    )
