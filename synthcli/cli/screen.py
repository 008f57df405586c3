"""The terminal: data to `out`, everything else to `err`; rich does colour, width and `NO_COLOR`."""

import os
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

IS_SILENT = os.environ.get("RANK", "0") != "0"  # of several processes only the first speaks

WIDTH_OF_FILES = 120  # where output goes to a file or a pipe

out = Console(highlight=False, quiet=IS_SILENT, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
err = Console(stderr=True, highlight=False, quiet=IS_SILENT)


def say(message: str) -> None:
    """Tell the user something that is not data."""
    err.print(message, markup=False, soft_wrap=True)


def data(text: str) -> None:
    """Write a command's result, exactly as it is."""
    out.print(text, markup=False, soft_wrap=True)


def stream(text: str) -> None:
    """Write a part of a command's result at once, without an end of the line."""
    if not IS_SILENT:
        sys.stdout.write(text)
        sys.stdout.flush()


def table(
    title: str | None, columns: list[str], rows: list[list[str]], right: frozenset[int] = frozenset()
) -> None:
    """Print a table of results; the columns numbered in `right` hold figures."""
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        is_name = index == 0 and not any(" " in cell for cell in cells)  # to be copied whole
        grid.add_column(
            column,
            justify="right" if index in right else "left",
            overflow="fold",
            no_wrap=index in right or is_name,
        )
    for row in rows:
        grid.add_row(*row)
    out.print(grid)


def progress() -> Progress:
    """A bar with count, a field `rate`, and the time left; silent where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )
