"""The terminal: data to `out`, everything else to `err`; rich does colour, width and `NO_COLOR`.

Nothing else prints. What files and names say is neither obeyed by the terminal nor read as rich's markup.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthcli.cli.bars import Bars
from synthcli.cli.layout import (
    GAP,
    Column,
    choose_columns,
    fit_widths,
    least_width,
    make_columns,
    split_columns,
)
from synthcli.errors import NotWrittenError, SynthError, WorkFailedError
from synthcli.variables import columns_of
from synthcli.visible import HANDLER, escape_units, visible

# Of several processes only the first speaks.
IS_SILENT = os.environ.get("RANK", "0") != "0" and os.environ.get("WORLD_SIZE", "1") != "1"

POSING = re.compile(r"\n(?=\s*(?:error|hint|next|note|warning):)")
LONGEST, LONGEST_HINT = 4_000, 1_000  # characters of a message
USUAL = 80  # columns of a terminal that does not say how many it has
BOUNDLESS = 1_000_000  # columns: what is printed is laid out here, and rich cuts nothing

out = Console(highlight=False, quiet=IS_SILENT, width=BOUNDLESS)
err = Console(stderr=True, highlight=False, quiet=IS_SILENT)


def accept_any_text() -> None:
    """Have both streams write out what their encoding lacks, rather than fail in the midst of a table."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's or a notebook's may be of another kind
            stream.reconfigure(errors=HANDLER)


def speak() -> None:
    """Be heard even where this is not the first of several processes."""
    err.quiet = False


def say(message: str) -> None:
    """Tell the user something that is not data."""
    tell(visible(message))


def show_error(problem: SynthError) -> None:
    """Show what went wrong and what to do about it."""
    tell(Text.assemble(("error:", "bold red"), f" {one_message(problem.message)}"))
    if problem.hint:
        tell(Text.assemble(("hint:", "bold"), f" {one_message(problem.hint, LONGEST_HINT)}"))


def warn(message: str) -> None:
    """Tell what the user should not overlook, though the work goes on."""
    tell(Text.assemble(("warning:", "bold yellow"), f" {one_message(message)}"))


def show_warnings_of(own: type[Warning]) -> None:
    """Show Python's warnings of a kind as messages of ours, and all others as before."""
    otherwise = warnings.showwarning
    if otherwise.__module__ == __name__:
        return

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, own):
            warn(str(message))
        else:
            otherwise(message, category, filename, lineno, file, line)

    warnings.showwarning = show


def tell(text: str | Text) -> None:
    """Print beside the data; where nobody can be told, on a full disk say, the work goes on."""
    try:
        err.print(text, markup=False, soft_wrap=True)
    except OSError:
        abandon(sys.stderr)


def one_message(text: str, longest: int = LONGEST) -> str:
    """Return a visible text of which no line, of a file's name say, passes for another message of ours.

    What is too long to read, the name of a file again, is cut in its middle.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}… {len(text) - longest:,} characters …{text[-longest // 2 :]}"
    return POSING.sub(lambda found: escape_units(found[0]), visible(text))


def data(text: str) -> None:
    """Write a command's result, exactly as it is; on a terminal, such that the terminal does not obey it.

    JSON stays the same JSON there: what is written out are characters that stand in its strings alone.
    """
    stream(text + "\n")


def stream(text: str) -> None:
    """Write a part of a command's result at once, without an end of the line."""
    if not IS_SILENT:
        with guard_stdout():
            sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
            sys.stdout.flush()


def table(
    title: str | None,
    headers: list[str],
    rows: list[list[str]],
    right: frozenset[int] = frozenset(),
    least: Sequence[int] = (),
    is_continued: bool = False,
) -> None:
    """Print a table of results; the columns numbered in `right` hold figures.

    Where there is no room for all, columns go, those of `least` first, and are named; figures are never cut.
    With `is_continued` those without room stand below instead, beside the first again.
    """
    shown = [[visible(cell).expandtabs() for cell in row] for row in [headers, *rows]]
    columns, room = make_columns(shown[0], shown[1:], right), columns_of_terminal()
    if room is None:
        parts = [list(range(len(columns)))]
    else:
        parts = split_columns(columns, room) if is_continued else [choose_columns(columns, room, least)]
    with guard_stdout():
        if title:
            out.print(Text(visible(title), style="italic"))
        for part in parts:
            out.print(grid([columns[index] for index in part], room))
    absent = [f"`{column.header}`" for index, column in enumerate(columns) if not is_in(index, parts)]
    if absent:
        wide = f"`COLUMNS={least_width(columns, range(len(columns)))}`"
        say(f"note: {room} columns have no room for {', '.join(absent)}; with {wide} all is shown")


def is_in(index: int, parts: list[list[int]]) -> bool:
    return any(index in part for part in parts)


def grid(columns: list[Column], room: int | None) -> Table:
    """Return columns side by side, no wider than the room where figures and names allow it."""
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, GAP), header_style="bold")
    for column, width in zip(columns, fit_widths(columns, room), strict=True):
        table.add_column(
            Text(column.header),
            justify="right" if column.is_right else "left",
            overflow="fold",
            width=width,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, cells))
    return table


def columns_of_terminal() -> int | None:
    """Return how wide a table may be: as `COLUMNS` says, as the terminal is; None in files and pipes."""
    said = columns_of(os.environ)
    if said is not None or not sys.stdout.isatty():
        return said
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or USUAL
    except (OSError, ValueError):  # it says that it is a terminal, and has no size
        return USUAL


@contextmanager
def guard_stdout() -> Iterator[None]:
    """Turn a failed write to standard output into one message; who reads no further ends the command."""
    try:
        yield
    except OSError as error:
        abandon(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        message = f"the result could not be written to standard output: {error.strerror or error}"
        raise WorkFailedError(
            message, "see where it is sent to; what the command wrote besides is whole"
        ) from error


@contextmanager
def show_lost_result(show: Callable[[Any], object]) -> Iterator[None]:
    """Show the result of work within that could not be written, before its message ends the command."""
    try:
        yield
    except NotWrittenError as error:
        show(error.result)
        raise


def let_go() -> None:
    """Abandon standard output where what is still to be written to it cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        abandon(sys.stdout)


def abandon(stream: TextIO) -> None:
    """Let whatever is still to be written to a stream go nowhere, at the end of Python too."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def progress(*, is_transient: bool = False) -> Bars:
    """Bars with count, a field `rate`, and the time left; silent where stderr is not a terminal.

    Transient ones leave nothing: what follows says what it came to.
    """
    return Bars(console=err, disable=not err.is_terminal, transient=is_transient)
