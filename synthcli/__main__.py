"""The entry point of `synth`: runs a command, shows a user's mistake as one message with a hint."""

import errno
import io
import os
import re
import signal
import sys
from contextlib import redirect_stderr, suppress
from difflib import SequenceMatcher
from pathlib import Path
from types import FrameType
from typing import Any

from synthcli import variables
from synthcli.errors import OutOfMemoryError, Stopped, SynthError, WorkFailedError

# Read when torch loads. Threads of GNU OpenMP spin for milliseconds after every operation: where another
# program shares the cores, small models train ten times slower than with threads that soon give way.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

SOON = 0.3  # seconds
COMPLETING = "_SYNTH_COMPLETE"  # the variable by which a shell asks typer
OF_NAMES = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EACCES)  # what is wrong with a path itself

NEAR_ENOUGH = 0.75  # of two words' letters
# how typer says which words are like the one it was given
NEAR = re.compile(r" *(?:\(Possible options: |\.? Did you mean )(?P<names>[^)]*)\)?$")


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        take_signals()
        code = run_and_tell()
        end_at_once()
    except Stopped as stop:
        end_at_once()
        code = tell_stop(stop)
    except KeyboardInterrupt:  # before there was a command
        end_at_once()
        sys.stderr.write("interrupted\n")
        code = Stopped.exit_code
    sys.exit(code)


def take_signals() -> None:
    """Let SIGTERM do what Ctrl-C does: what is half written goes, and so do processes that were started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):  # the last is `interrupt`'s own
        signal.signal(number, interrupt)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and again until something of ours has met it.

    Where a library of C or Rust calls Python, it may take what is raised there for a failure of its own, and
    go on: torch for a numpy that is missing, pydantic for a table of another kind.
    """
    signal.setitimer(signal.ITIMER_REAL, SOON)
    if number != signal.SIGALRM or not is_met(sys.exception()):
        raise KeyboardInterrupt


def is_met(error: BaseException | None) -> bool:
    """Whether an interrupt is on its way out: what is half written is being removed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def end_at_once() -> None:
    """Let signals end this process where there is nothing left to tidy up.

    An alarm that is on its way must not set the next one, which would end the process with its own code.
    """
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def tell_stop(stop: Stopped) -> int:
    """Say what a signal left of the command, and how to go on; return the exit code."""
    from synthcli.cli import screen

    screen.let_go()
    screen.say(str(stop))
    return stop.exit_code


def run_and_tell() -> int:
    """Carry out the command; say what goes wrong. Return the exit code."""
    if COMPLETING in os.environ:
        return complete()
    variables.drop_odd_sizes(os.environ)  # before rich reads them
    from synthcli.cli import screen

    screen.accept_any_text()
    words = sys.argv[1:]
    try:
        variables.refuse_ranks(os.environ, words)
    except SynthError as problem:
        screen.speak()
        screen.show_error(problem)
        return problem.exit_code
    try:
        variables.refuse_words(words)
        return run()
    except SynthError as problem:
        screen.show_error(of_this_process(problem))
        return problem.exit_code
    except BrokenPipeError:  # who reads the result has seen enough
        screen.abandon(sys.stdout)
        return 1
    except OSError as error:
        screen.let_go()
        screen.show_error(of_this_process(unforeseen(error)))
        return WorkFailedError.exit_code


def of_this_process(problem: SynthError) -> SynthError:
    """Let one of a launcher's processes say what failed in it alone; a mistake is the first's to tell."""
    from synthcli.cli import screen

    if not screen.IS_SILENT or problem.exit_code != WorkFailedError.exit_code:
        return problem
    screen.speak()
    which = f"process {os.environ[variables.RANK]} of {os.environ[variables.WORLD_SIZE]}"
    return WorkFailedError(f"{which}: {problem.message}", problem.hint)


def complete() -> int:
    """Answer a shell that asks how a word may end, by words or by nothing: it shows no message."""
    with redirect_stderr(io.StringIO()), suppress(Exception):
        run()
    return 0


def unforeseen(error: OSError) -> SynthError:
    """Return a message for a file that the system refused where no command says what that means."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    why = error.strerror or str(error) or type(error).__name__
    message = f"`{path}`: {why}" if path else f"a file could not be read or written: {why}"
    return WorkFailedError(message, "see to that file and its disk, then give the same command again")


def run() -> int:
    """Carry out the command that the command line names, and return its exit code."""
    import typer

    from synthcli.allocator import keep_freed_memory
    from synthcli.cli import app, screen
    from synthcli.kernels.choice import PlainTorchWarning

    keep_freed_memory()
    screen.show_warnings_of(PlainTorchWarning)
    # The base class of what is wrong with words; typer gives it no name of its own.
    misuse: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    try:
        code = app(prog_name="synth", standalone_mode=False)
        leave_processes()
    except Stopped:  # of several processes all have saved
        leave_processes()
        raise
    except misuse as error:
        raise describe_usage_error(error) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    except (MemoryError, OSError, RuntimeError, ValueError) as error:
        if (problem := explain_error(error)) is None:
            raise
        raise problem from error
    return code if isinstance(code, int) else 0


def leave_processes() -> None:
    """Leave the group of a launcher's processes, which NCCL warns of otherwise; one that failed just ends."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def describe_usage_error(error: Any) -> SynthError:
    """Return what typer says of the words of a command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.exit(error.exit_code)  # the help is shown already
    text = str(error.format_message()).strip().rstrip(".")
    context = getattr(error, "ctx", None)
    hint, known = f"`{context.command_path if context else 'synth'} --help` says what there is", ""
    if near := NEAR.search(text):
        text = text[: near.start()].rstrip(".")
        names = [name.strip(" '") for name in near["names"].rstrip("?").split(",")]
        near_names = [name for name in names if is_near(name, getattr(error, "option_name", name))]
        known = " or ".join(f"`{name}`" for name in near_names)
    if known:
        hint = f"did you mean {known}? {hint}"
    elif (
        context
        and text.startswith("No such option")
        and any("--set" in one.opts for one in context.command.params)
    ):
        hint = f"`--set KEY=VALUE`, such as `--set training.steps=100`, sets any key; {hint}"
    return SynthError(f"{text[:1].lower()}{text[1:]}", hint)


def is_near(name: str, given: str) -> bool:
    """Whether an option may have been meant; typer's own notion takes `--cache` for `--teacher`."""
    return SequenceMatcher(None, name.strip("-"), given.strip("-")).ratio() >= NEAR_ENOUGH


def explain_error(error: Exception) -> SynthError | None:
    """Return what to say of an error that nobody nearer to it made a message of; None: a fault of ours."""
    from pydantic import ValidationError

    from synthcli.memory import SMALLER, shortage

    if (message := shortage(error)) is not None:
        return OutOfMemoryError(message, SMALLER)
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return WorkFailedError(f"`{error.object}` is not UTF-8, and cannot be written down", "rename it")
    if isinstance(error, OSError) and error.errno in OF_NAMES and error.filename is not None:
        hint = "check the path and its permissions"
        return SynthError(f"`{error.filename}`: {str(error.strerror).lower()}", hint)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        key, reason = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        said = f"{reason[0].lower()}{reason[1:]}"
        message = f"`{key} = {str(first['input'])[:60]}`: {said}" if key else said
        return SynthError(message, "give another value")
    return None


if __name__ == "__main__":
    main()
