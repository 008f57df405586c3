"""The exceptions that reach a user as one message and a hint, never as a traceback."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class SynthError(Exception):
    """The request was wrong: shown as `message`, then `hint:`; the process exits with 2."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class WorkFailedError(SynthError):
    """The request was right and the work failed (disk full, loss not finite): exits with 1."""

    exit_code = 1


class OutOfMemoryError(WorkFailedError):
    """There was not enough memory; `setting`, such as `data.batch.micro_size=8`, is what needs less of it."""

    def __init__(self, message: str, hint: str = "", setting: str = "") -> None:
        super().__init__(message, hint)
        self.setting = setting


class Stopped(BaseException):
    """A signal ended a command: what is `kept`, the `command` that goes on, and what that one does.

    `then` is the command for work that had not begun. Unlike KeyboardInterrupt it passes typer.
    """

    exit_code = 130

    def __init__(self, kept: str, command: str, does: str, then: str = "") -> None:
        super().__init__(kept)
        self.kept, self.command, self.does, self.then = kept, command, does, then

    def __str__(self) -> str:
        then = f", then `{self.then}`" if self.then else ""
        return f"interrupted: {self.kept}\nnext: `{self.command}` {self.does}{then}"


class NotWrittenError(WorkFailedError):
    """The work is done, and its result could not be written: `result` is to be shown before the message."""

    def __init__(self, error: WorkFailedError, result: object) -> None:
        super().__init__(error.message, error.hint)
        self.result = result


@contextmanager
def carry_result(result: object) -> Iterator[None]:
    """Carry a result to whoever shows it where writing it, within, fails."""
    try:
        yield
    except WorkFailedError as error:
        raise NotWrittenError(error, result) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean `x`?`` for the nearest known word, or a list of all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known: " + ", ".join(f"`{name}`" for name in names)
