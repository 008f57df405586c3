"""How far work is, and lines on it for people: who is told of them, and who stands there where nobody is."""

from collections.abc import Callable
from typing import Protocol

Say = Callable[[str], object]
"""Takes one line for people."""


class Progress(Protocol):
    """Is told how far a piece of work is."""

    def __call__(self, what: str, done: int, total: int | None, note: str = "", /) -> None:
        """Take what is done, how much of it, of how much (None where nobody knows), and a word on it."""


def no_progress(what: str, done: int, total: int | None, note: str = "", /) -> None:
    """Tell nobody how far it is."""


def say_nothing(line: str) -> None:
    """Tell nobody."""
