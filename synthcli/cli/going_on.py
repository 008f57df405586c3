"""What Ctrl-C and SIGTERM leave of a command, and the command that goes on from there."""

import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from synthcli.device import device_words
from synthcli.errors import Stopped, SynthError

if TYPE_CHECKING:
    from synthcli.runs import Run


@contextmanager
def tell_how_to_go_on(tell: "Callable[[], Stopped]") -> Iterator[None]:
    """Say what is kept of the work within and how to go on, where a signal ends it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        told = begin_again()
        with suppress(SynthError, OSError):
            told = tell()
        raise told from stop


def begin_again() -> Stopped:
    """Return what there is to say of most verbs: their files are whole or absent."""
    return Stopped("nothing is left half done", same_command(), "begins again")


def same_command(without: Collection[str] = ()) -> str:
    """Return this command line, but for some of its words."""
    return shlex.join(["synth", *(word for word in sys.argv[1:] if word not in without)])


@contextmanager
def tell_how_to_resume(verb: str, more: str = "", done: Sequence[str] = (), then: str = "") -> Iterator[None]:
    """Name the run that `synth VERB --resume` goes on with, where a signal ends the making of it within.

    Presets on the command line that are `done` are not made again; `then` makes those that come after.
    """
    from synthcli.runs import list_runs

    there_before = set(list_runs())
    try:
        with tell_how_to_go_on(lambda: name_continuation(find_begun_runs(there_before), verb, more, done)):
            yield
    except Stopped as stop:
        if "--resume" in stop.command:
            stop.then = then
        raise


def find_begun_runs(there_before: "Collection[Run]") -> "list[Run]":
    """Return the runs that were begun since and are not finished."""
    from synthcli.runs import list_runs

    return [run for run in list_runs() if run not in there_before and not run.is_finished]


def name_continuation(begun: "Sequence[Run]", verb: str, more: str = "", done: Sequence[str] = ()) -> Stopped:
    """Return how a run that a signal ended is gone on with; the same command where none was begun."""
    from synthcli.runs.verbs import tracker_words

    if not begun:
        return Stopped("nothing is left half done", same_command(done), "begins again")
    words = ["synth", verb, "--resume", str(begun[0].path), *tracker_words(begun[0]), *device_words()]
    command = f"{shlex.join(words)}{more}"
    return Stopped("the run is kept up to its last checkpoint", command, "goes on after it")
