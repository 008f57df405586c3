"""Which columns of a table there is room for, and how wide: figures and names are whole, words wrap."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

GAP = 2  # blanks between columns
LONGEST_WORD = 24  # what a column of words may shrink to; a longer word is folded
TIGHTEST = 12  # what it may shrink to where not even two columns have room
NAMES_SHARE = 3  # a name that is folded has a third of the room
LETTERS = 3  # a figure has no more of them: `1.5e-05`, `84.6M`, `12ms`


@dataclass(frozen=True)
class Column:
    """One column of a table; `is_whole` where no cell may be wrapped."""

    header: str
    cells: list[str]
    is_right: bool
    is_whole: bool

    @cached_property
    def widest(self) -> int:
        """Width at which nothing wraps."""
        return max(map(line_width, (self.header, *self.cells)), default=0)

    @cached_property
    def narrowest(self) -> int:
        """Width below which a figure, or a name, would be cut."""
        if self.is_whole:
            return max(word_width(self.header), *map(line_width, self.cells), 0)
        words = " ".join((self.header, *self.cells))
        return max(self.figures, min(LONGEST_WORD, word_width(words)))

    @cached_property
    def figures(self) -> int:
        """Width of the longest figure."""
        words = [word for cell in self.cells for word in cell.split()]
        return max((cell_len(word) for word in words if is_figure(word)), default=0)

    @cached_property
    def tightest(self) -> int:
        """Width where there is not room for words."""
        return self.narrowest if self.is_whole else min(self.narrowest, max(self.figures, TIGHTEST))


def make_columns(headers: list[str], rows: list[list[str]], right: frozenset[int]) -> list[Column]:
    """Return the columns of a table; `right` numbers those of figures."""
    columns = []
    for index, header in enumerate(headers):
        cells = [row[index] for row in rows]
        is_name = index == 0 and not any(" " in cell for cell in cells)  # to be copied whole
        is_right = index in right
        columns.append(Column(header, cells, is_right, is_right or is_name or all(map(is_interval, cells))))
    return columns


def choose_columns(columns: list[Column], room: int, least: Sequence[int]) -> list[int]:
    """Return the columns that stay: those of `least` go first, in its order, then from the right.

    The first stays, and so do both of two. A long name that leaves room for no other is folded.
    """
    kept = _keep_columns(columns, room, least)
    if len(kept) > 1 or len(columns) == 1:
        return kept
    folded = max(0, columns[0].narrowest - max(room // NAMES_SHARE, TIGHTEST))
    return _keep_columns(columns, room + folded, least)


def _keep_columns(columns: list[Column], room: int, least: Sequence[int]) -> list[int]:
    """Return the columns that stand beside the first whole."""
    order = [*least, *(index for index in reversed(range(1, len(columns))) if index not in least)]
    kept = list(range(len(columns)))
    while len(kept) > 1 and len(columns) > 2 and least_width(columns, kept) > room:
        kept.remove(order.pop(0))
    return kept


def split_columns(columns: list[Column], room: int) -> list[list[int]]:
    """Return what stands in each part of a table whose columns go on below, each beside the first."""
    parts = [[0]]
    for index in range(1, len(columns)):
        if len(parts[-1]) > 1 and least_width(columns, [*parts[-1], index]) > room:
            parts.append([0])
        parts[-1].append(index)
    return parts


def least_width(columns: list[Column], kept: Sequence[int]) -> int:
    """Return the least width at which columns stand beside each other."""
    return sum(columns[index].narrowest for index in kept) + GAP * (len(kept) - 1)


def fit_widths(columns: list[Column], room: int | None) -> list[int]:
    """Return the widths of columns, the widest narrowed where there is not room for all."""
    widths = [column.widest for column in columns]
    if room is None:
        return widths
    least = [column.narrowest for column in columns]
    if sum(least) + GAP * (len(columns) - 1) > room:  # words are folded, and so is a name: figures are not
        least = [column.tightest for column in columns]
        least[0] = least[0] if columns[0].is_right else min(least[0], TIGHTEST)
    while sum(widths) + GAP * (len(widths) - 1) > room:
        wide = [index for index, width in enumerate(widths) if width > least[index]]
        if not wide:
            break
        widths[max(wide, key=lambda index: widths[index])] -= 1
    return widths


def line_width(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def word_width(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def is_interval(cell: str) -> bool:
    """Tell whether a cell is a figure, or two with a sign between: `33.43 – 36.58`."""
    words = cell.split()
    is_joined = len(words) == 3 and not any(map(str.isdigit, words[1]))
    return (is_joined or len(words) < 2) and not any(map(str.isalpha, cell))


def is_figure(word: str) -> bool:
    """Tell whether a word is a number, with its unit or sign, and not a name with digits in it."""
    return any(map(str.isdigit, word)) and sum(map(str.isalpha, word)) <= LETTERS
