"""A user's own text: a file, a folder of `.txt`, or a pattern.

A row is a line; with `text:rows=paragraphs` it is what stands between blank lines, with `rows=files` a file.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.documents import paragraphs
from synthcli.data.corpora.local_files.file_format import OPTIONS as FORM_OPTIONS
from synthcli.data.corpora.local_files.file_format import read_format
from synthcli.data.corpora.local_files.files import LICENCE, URL, find_own_files
from synthcli.data.corpora.local_files.named_splits import split_own_folder
from synthcli.data.corpora.local_files.options import choose_value, parse_name_options
from synthcli.data.corpora.local_files.split_rule import CUT, SplitRule, read_split_rule
from synthcli.data.corpora.local_files.split_rule import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Parse, Row
from synthcli.data.corpora.splitting import CutFolder
from synthcli.data.corpora.text_format import TextFormat

OPTIONS = {"rows": "lines|paragraphs|files"} | FORM_OPTIONS | SPLIT_OPTIONS
ENDINGS = (".txt", ".text", ".md")
LAYOUT = (
    "a text file, a folder of `.txt`, `.text` or `.md`, or a pattern in quotes such as 'notes/**/*.py',"
    f" plain or .gz; {CUT};"
    " `text:rows=paragraphs` and `text:rows=files` read longer rows than lines"
)


Read = Callable[[Path, TextFormat], Iterator[Row]]


def _line_rows(path: Path, form: TextFormat) -> Iterator[Row]:
    return ({"text": line} for line in lines(path, form=form))


def _file_rows(path: Path, form: TextFormat) -> Iterator[Row]:
    yield {"text": "\n".join(lines(path, form=form))}


READERS: dict[str, Read] = {
    "lines": _line_rows,
    "paragraphs": paragraphs,
    "files": _file_rows,
}


def _read_text_files(files: tuple[Path, ...], read: Read, form: TextFormat) -> Iterator[Row]:
    return chain.from_iterable(read(path, form) for path in files)


# What stays together when rows are held out: the coarsest that comes near the shares.
UNITS = {
    "lines": ("files", "paragraphs", "lines"),
    "paragraphs": ("files", "rows"),
    "files": ("rows",),
}


def _open_text_files(root: Path, name: str, parse: Parse, rule: SplitRule) -> Folder | CutFolder:
    base, files = find_own_files(root, name, LAYOUT, ENDINGS)
    groups = [(path,) for path in files]
    return split_own_folder(base, groups, parse, name, LAYOUT, rule)


def own_text(name: str) -> Corpus:
    """Return the corpus that a name such as `text:rows=paragraphs` asks for."""
    options = parse_name_options(name, OPTIONS)
    unit = choose_value(name, options, "rows", tuple(READERS))
    rule = read_split_rule(name, options, UNITS[unit])
    parse = partial(_read_text_files, read=READERS[unit], form=read_format(name, options))
    return Corpus(
        name=name,
        kind="text",
        title=f"Your own text, {unit} as rows",
        licence=LICENCE,
        url=URL,
        layout=LAYOUT,
        folder=partial(_open_text_files, name=name, parse=parse, rule=rule),
        finds_source=True,
    )
