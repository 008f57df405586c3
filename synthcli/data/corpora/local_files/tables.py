"""A user's own tables: `csv` reads the column `text`, `csv:text=review,label=mood` two.

The first record names the columns; with `header=no` they are called 1, 2 and so on. What ends in .tsv is
parted by tabs, all else by commas, unless `separator` says so.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.local_files.columns import MEANINGS, Columns, Records, read_columns
from synthcli.data.corpora.local_files.file_format import OPTIONS as FORM_OPTIONS
from synthcli.data.corpora.local_files.file_format import OwnFormat, read_format
from synthcli.data.corpora.local_files.options import choose_value, parse_name_options, unquote, with_options
from synthcli.data.corpora.local_files.records import own_records
from synthcli.data.corpora.local_files.split_rule import CUT, read_split_rule
from synthcli.data.corpora.local_files.split_rule import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import clip, records
from synthcli.errors import SynthError

ENDINGS = (".csv", ".tsv")
SEPARATORS = {
    "comma": ",",
    "tab": "\t",
    "semicolon": ";",
    "pipe": "|",
    "colon": ":",
    "space": " ",
    "\\t": "\t",
}
OPTIONS = (
    MEANINGS
    | {"header": "yes|no", "separator": "tab|semicolon|pipe|any one character", "quoting": "yes|no"}
    | FORM_OPTIONS
    | SPLIT_OPTIONS
)
LAYOUT = (
    "a file, a folder or a pattern in quotes of `.csv` or `.tsv`, plain or .gz;"
    " `csv:text=COLUMN`, `csv:text=COLUMN,label=COLUMN`, `csv:text=COLUMN,score=COLUMN` or"
    " `csv:source=COLUMN,target=COLUMN` names the columns, `header=no` has them called 1, 2 and so on;"
    f" {CUT}"
)


@dataclass(frozen=True)
class Table:
    """How the files of a corpus are read."""

    columns: Columns
    form: OwnFormat
    has_header: bool
    has_quotes: bool
    separator: str  # none: by the file's name

    def records(self, files: tuple[Path, ...]) -> Records:
        for path in files:
            separator = self.separator or ("\t" if ".tsv" in path.suffixes else ",")
            table = records(path, delimiter=separator, form=self.form, has_quotes=self.has_quotes)
            first = next(table, None)
            if first is None:
                raise SynthError(f"`{path}` is empty", "give it rows, or leave it out")
            names = first[1] if self.has_header else [str(place) for place in range(1, len(first[1]) + 1)]
            rows = table if self.has_header else chain([first], table)
            self.check(path, names, first[1], rows)
            for number, record in rows:
                yield dict(zip(names, record, strict=True)), f"`{path}`, line {number},"

    def check(
        self, path: Path, names: list[str], line: list[str], rows: Iterator[tuple[int, list[str]]]
    ) -> None:
        """Refuse a table that does not have each column that is wanted once; `line` is its first."""
        wanted = self.columns.paths
        missing = [f"`{column}`" for column in wanted if names.count(column) != 1]
        if not missing:
            return
        held = clip(", ".join(f"`{name}`" for name in names))
        message = f"`{path}` has no one column {', '.join(missing)}, but {held}"
        if any(names.count(column) > 1 for column in wanted):
            raise SynthError(message, "give each column a name of its own in the first line")
        first = line
        with suppress(SynthError):  # it has other faults too
            _, first = next(rows, (1, line))
        raise SynthError(
            message, self.separator_for(line) or self.columns.suggest(dict(zip(names, first, strict=False)))
        )

    def separator_for(self, line: list[str]) -> str | None:
        """Say which separator makes the columns that are wanted of a line that is one column."""
        for word, separator in SEPARATORS.items() if len(line) == 1 else ():
            found = line[0].split(separator)
            names = found if self.has_header else list(map(str, range(1, len(found) + 1)))
            if len(found) > 1 and set(self.columns.paths) <= set(names):
                name = shlex.quote(with_options(self.columns.name, separator=word))
                return f"its columns seem to be parted by a {word}: name the corpus `{name}`"
        return None


def own_csv(name: str) -> Corpus:
    """Return the corpus that a name such as `csv:text=review` asks for."""
    options = parse_name_options(name, OPTIONS)
    columns, form = read_columns(name, options), read_format(name, options)
    has_header, has_quotes = (
        choose_value(name, options, key, ("yes", "no")) == "yes" for key in ("header", "quoting")
    )
    table = Table(columns, form, has_header, has_quotes, _read_separator(name, options))
    rule = read_split_rule(name, options)
    return own_records(name, "Your own tables", LAYOUT, ENDINGS, columns, table.records, rule)


def _read_separator(name: str, options: Mapping[str, str]) -> str:
    """Return the character that parts columns; an empty one where the file's name decides."""
    written = unquote(options.get("separator", ""))
    separator = SEPARATORS.get(written, written)
    if written == "by-name":
        return ""
    if len(separator) > 1 or (separator in ('"', "\r", "\n") and separator):
        words = ", ".join(f"`{word}`" for word in SEPARATORS)
        raise SynthError(
            f"`{name}` gives `separator` as `{written}`",
            f"expected one character but a quote, or one of {words}",
        )
    return separator
