"""A user's own tables: `csv` reads the column `text`, `csv:text=review,label=mood,classes=bad+good` two.

The first record names the columns; with `header=no` they are called 1, 2 and so on. What ends in .tsv is
parted by tabs, all else by commas, unless `separator` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.own_columns import MEANINGS, Columns, columns_of
from synthcli.data.corpora.own_options import one_of, options_of
from synthcli.data.corpora.own_records import own_records
from synthcli.data.corpora.own_split import CUT, rule_of
from synthcli.data.corpora.own_split import OPTIONS as SPLIT_OPTIONS
from synthcli.data.corpora.reading import records, shown
from synthcli.data.corpora.source import Row
from synthcli.errors import SynthError

ENDINGS = (".csv", ".tsv")
SEPARATORS = {"by-name": "", "comma": ",", "tab": "\t", "semicolon": ";"}
OPTIONS = MEANINGS | {"header": "yes|no", "separator": "comma|tab|semicolon"} | SPLIT_OPTIONS
LAYOUT = (
    "a file, a folder or a pattern in quotes of `.csv` or `.tsv`, plain or .gz;"
    " `csv:text=COLUMN`, `csv:text=COLUMN,label=COLUMN,classes=ONE+TWO`, `csv:text=COLUMN,score=COLUMN` or"
    " `csv:source=COLUMN,target=COLUMN` names the columns, `header=no` has them called 1, 2 and so on;"
    f" {CUT}"
)


@dataclass(frozen=True)
class Table:
    """How the files of a corpus are read."""

    columns: Columns
    has_header: bool
    separator: str  # none: by the file's name

    def rows(self, files: tuple[Path, ...]) -> Iterator[Row]:
        for path in files:
            by_name = "\t" if ".tsv" in path.suffixes else ","
            table = records(path, delimiter=self.separator or by_name)
            names = self.names(path, table) if self.has_header else []
            for number, record in table:
                names = names or [str(column) for column in range(1, len(record) + 1)]
                yield self.columns.row(dict(zip(names, record, strict=True)), f"`{path}`, line {number},")

    def names(self, path: Path, table: Iterator[tuple[int, list[str]]]) -> list[str]:
        """Return the first record, which must name the columns that are wanted, each once."""
        _, names = next(table, (1, []))
        missing = [f"`{column}`" for column in self.columns.named.values() if names.count(column) != 1]
        if missing:
            held = shown(", ".join(f"`{name}`" for name in names) or "none")
            raise SynthError(
                f"`{path}` has no one column {', '.join(missing)}, but {held}", f"expected {LAYOUT}"
            )
        return names


def own_csv(name: str) -> Corpus:
    """Return the corpus that a name such as `csv:text=review` asks for."""
    options = options_of(name, OPTIONS)
    columns = columns_of(name, options)
    separator = SEPARATORS[one_of(name, options, "separator", tuple(SEPARATORS))]
    table = Table(columns, one_of(name, options, "header", ("yes", "no")) == "yes", separator)
    rule = rule_of(name, options)
    return own_records(name, "Your own tables", LAYOUT, ENDINGS, columns, table.rows, rule)
