"""Start this very command in several processes of this machine, and end them together.

torch's own launcher would do, but shows a traceback of its own for every message of ours, and turns a saved
interrupt into a failure.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import FrameType

import typer

from synthcli.children import Children
from synthcli.cli import screen
from synthcli.cli.rank import RankFailure
from synthcli.errors import Stopped, SynthError, WorkFailedError

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_END = 5.0  # for the others, once one has failed
RANK = "synthcli.cli.rank"
CAUSES = ("memory", "mistake", "bug", "killed", "exit", "signal", "lost")  # each before what it may lead to
OF_THE_SYSTEM = (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
MEMORY = "the system kills what needs more memory than there is: `data.batch.micro_size` lowers it; "
Hint = Callable[[str], str]  # from a setting, or none, to how to go on


@dataclass
class Rank:
    """One process of the training, seen from the launcher."""

    number: int
    process: "subprocess.Popen[bytes]"
    channel: Connection
    failure: RankFailure | None = None
    is_ended_by_us: bool = False

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    def look(self) -> None:
        """Notice its end, and what it says of it."""
        if self.process.poll() is not None and self.channel.poll():
            try:
                self.failure = RankFailure(**self.channel.recv())
            except (EOFError, OSError):  # it says nothing
                return

    @property
    def has_failed(self) -> bool:
        """Tell whether it ended otherwise than at its end, or with all others after an interrupt."""
        return not self.is_running and (self.failure is not None or self.code not in (0, Stopped.exit_code))

    @property
    def cause(self) -> str:
        """Return one of `CAUSES`."""
        if self.failure is not None:
            return self.failure.kind
        return "killed" if self.code < 0 else "exit"

    @property
    def code(self) -> int:
        return int(self.process.returncode)


@dataclass
class Signals:
    """What has come for this process since it was looked last."""

    numbers: list[int] = field(default_factory=list)
    interrupts: int = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        self.numbers.append(number)
        self.interrupts += number in (signal.SIGINT, signal.SIGTERM)

    def take(self) -> list[int]:
        taken, self.numbers = self.numbers, []
        return taken


def launch(processes: int, hint: Hint) -> None:
    """Run the command line again without `--processes`, each process on its share of the cores.

    Raises what one of them raised, WorkFailedError where one was killed, or KeyboardInterrupt where a signal
    ended all. `hint` says how to go on, with a setting that needs less memory if there is one.
    """
    with Children() as children, note_signals() as signals:
        ranks = start(processes, children)
        wait(ranks, signals)
    raise_failure(ranks, signals.interrupts > 0, hint)
    was_killed = signals.interrupts > 1 and any(rank.code < 0 for rank in ranks)
    if was_killed or any(rank.code == Stopped.exit_code for rank in ranks):
        raise KeyboardInterrupt
    raise typer.Exit(max(rank.code for rank in ranks))


def start(processes: int, children: Children) -> list[Rank]:
    """Start all of them."""
    words = words_without_processes()
    shared = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes)),
        **os.environ,
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    ranks = []
    for number in range(processes):
        channel, theirs = Pipe()
        own = shared | {"RANK": str(number), "LOCAL_RANK": str(number)}
        descriptor = theirs.fileno()
        with interrupts_held():
            process = children.start_module(RANK, [str(descriptor), *words], env=own, pass_fds=[descriptor])
        theirs.close()
        ranks.append(Rank(number, process, channel))
    return ranks


def words_without_processes() -> list[str]:
    """Return the words of this command line but `--processes` and its number."""
    words, own = [], iter(sys.argv[1:])
    for word in own:
        if word == "--processes":
            next(own, None)
        elif not word.startswith("--processes="):
            words.append(word)
    return words


@contextmanager
def note_signals() -> Iterator[Signals]:
    """Note the signals that are for all processes of the training."""
    signals = Signals()
    before = {
        number: signal.signal(number, signals.note)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP)
    }
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(ranks: list[Rank], signals: Signals) -> None:
    """Wait until all have ended; pass signals on. The first failure ends the others, and so does a second
    interrupt those that take no notice, as within a library that waits for another.
    """
    deadline = None
    while any(rank.is_running for rank in ranks):
        time.sleep(SECONDS_BETWEEN_LOOKS)
        for number in signals.take():
            if number == signal.SIGTSTP:
                stop(ranks)
            else:
                send(ranks, number)
        for rank in ranks:
            rank.look()
        if deadline is None and any(rank.has_failed for rank in ranks):
            deadline = time.monotonic() + SECONDS_TO_END
            end(ranks, signal.SIGTERM)
        elif deadline is None and signals.interrupts > 1:
            deadline = time.monotonic() + SECONDS_TO_END
        elif deadline is not None and time.monotonic() > deadline:
            end(ranks, signal.SIGKILL)


def send(ranks: list[Rank], number: int) -> None:
    for rank in ranks:
        if rank.is_running:
            rank.process.send_signal(number)


def end(ranks: list[Rank], number: int) -> None:
    """Send a signal to those that run, which is not told as a failure of theirs."""
    for rank in ranks:
        rank.is_ended_by_us |= rank.is_running
    send(ranks, number)


def stop(ranks: list[Rank]) -> None:
    """Ctrl-Z: stop all and this process, until the shell continues it."""
    send(ranks, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    send(ranks, signal.SIGCONT)


def raise_failure(ranks: list[Rank], is_interrupted: bool, hint: Hint) -> None:
    """Raise the failure that others are the consequence of, if there is one."""
    failed = [rank for rank in ranks if rank.has_failed and not rank.is_ended_by_us]
    first = min(failed, key=lambda rank: CAUSES.index(rank.cause), default=None)
    if first is None:
        return
    which = f"process {first.number} of {len(ranks)} (pid {first.process.pid})"
    failure = first.failure
    if failure is not None and failure.kind == "mistake":
        error = SynthError(failure.text, failure.hint)
        error.exit_code = failure.exit_code
        raise error
    if failure is not None and failure.kind == "memory":
        raise WorkFailedError(
            f"{which}: {failure.text}", hint(failure.setting) if failure.setting else failure.hint
        )
    if is_interrupted and first.code not in OF_THE_SYSTEM:
        raise KeyboardInterrupt
    if failure is None and first.code < 0:
        name = signal.Signals(-first.code).name
        memory = MEMORY if -first.code == signal.SIGKILL else ""
        raise WorkFailedError(f"{which} was killed by signal {-first.code} ({name})", memory + hint(""))
    if failure is None:
        raise WorkFailedError(f"{which} ended with code {first.code} and said nothing", hint(""))
    if failure.kind == "bug":
        screen.say(failure.text.rstrip())
    elif failure.kind == "lost":
        raise WorkFailedError(f"{which} does not reach the others: {failure.text}", hint(""))
    else:
        screen.say(f"{which} was interrupted")
    raise typer.Exit(first.code)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let what is started within find signals only once it asks for them: until then it could not tell."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
