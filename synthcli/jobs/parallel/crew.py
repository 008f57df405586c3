"""Processes that carry out pieces of work, one each at a time, on a core or a GPU of their own.

`python -m synthcli.jobs.parallel.crew DESCRIPTOR` is one of them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Generic

from synthcli.children import Children, cores
from synthcli.device import VISIBLE
from synthcli.jobs.parallel.work import Failure, Listener, Work, attempt

SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_TO_END = 5.0
SECONDS_TO_SAVE = 60.0  # once interrupted: a training ends after its step
THREADS = "OMP_NUM_THREADS"
SAY, PROGRESS, RESULT = "say", "progress", "result"
MEMORY = "the system kills what needs more memory than there is: a lower `--jobs` needs less"


class Worker(Generic[Work]):
    """A process, seen from the one that started it; `part` is what it does."""

    def __init__(self, children: Children, environment: dict[str, str]) -> None:
        self.connection, theirs = Pipe()
        descriptor, nowhere = theirs.fileno(), subprocess.DEVNULL
        self.process = children.start_module(
            __name__, [str(descriptor)], env=environment, pass_fds=[descriptor], stdin=nowhere, stdout=nowhere
        )
        theirs.close()
        self.environment = environment
        self.part: Work | None = None
        self.listener: Listener | None = None

    def give(self, part: Work, listener: Listener) -> None:
        self.part, self.listener = part, listener
        with suppress(OSError):  # it was killed: `read` will find out
            self.connection.send(part)

    def read(self) -> object:
        """Return the result of its part, a failure where it was killed, or None where it has none yet."""
        assert self.part is not None and self.listener is not None
        try:
            kind, *words = self.connection.recv()
        except (EOFError, OSError):
            self.connection.close()
            return self.failure(self.part)
        if kind == RESULT:
            return words[0]
        (self.listener.say if kind == SAY else self.listener.progress)(*words)
        return None

    def failure(self, part: Work) -> Failure:
        """Say how the process ended."""
        try:
            code = self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:  # it lives, and says nothing any more
            self.process.kill()
            code = self.process.wait()
        if code >= 0:
            return Failure(part.name, f"its process ended with code {code}")
        name, hint = signal.Signals(-code).name, MEMORY if code == -signal.SIGKILL else ""
        return Failure(part.name, f"its process was killed by signal {-code} ({name})", hint)


class Crew(Generic[Work]):
    """Workers, each on its share of the cores or on a GPU of its own."""

    def __init__(self, jobs: int, gpus: list[str], children: Children) -> None:
        self.children = children
        self.environments = [environment_of(number, jobs, gpus) for number in range(jobs)]
        self.workers: list[Worker[Work]] = [self._hire(one) for one in self.environments]

    def _hire(self, environment: dict[str, str]) -> Worker[Work]:
        return Worker(self.children, environment)

    @property
    def idle(self) -> Iterator[Worker[Work]]:
        return (worker for worker in self.workers if worker.part is None)

    @property
    def busy(self) -> list[Worker[Work]]:
        return [worker for worker in self.workers if worker.part is not None]

    def results(self) -> Iterator[tuple[Work, object]]:
        """Wait until workers say something; yield the parts that have ended, and their results."""
        there = wait([worker.connection for worker in self.busy])
        for worker in [worker for worker in self.busy if worker.connection in there]:
            part, result = worker.part, worker.read()
            if result is not None and part is not None:
                worker.part = None
                if worker.connection.closed:
                    self.workers[self.workers.index(worker)] = self._hire(worker.environment)
                yield part, result

    def interrupt(self) -> None:
        """Let every training save itself; whoever takes too long is ended with the crew."""
        deadline = time.monotonic() + SECONDS_TO_SAVE
        for worker in self.busy:
            worker.process.terminate()
        for worker in self.busy:
            with suppress(EOFError, OSError):
                while worker.connection.poll(max(0.0, deadline - time.monotonic())):
                    worker.connection.recv()  # a full pipe would hold it up
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))


def environment_of(number: int, jobs: int, gpus: list[str]) -> dict[str, str]:
    """Return the environment of a worker: a GPU and its share of the cores; threads a user has set stay.

    Without GPUs it sees none: rows run on the processor, whatever else there is.
    """
    threads = {THREADS: str(threads_of_worker(jobs))}
    own = {VISIBLE: gpus[number % len(gpus)] if gpus else ""}
    return {**os.environ, **threads, **own}


def threads_of_worker(jobs: int) -> int:
    """Return on how many threads each of `jobs` computes: what a user has set, else its share."""
    own = os.environ.get(THREADS, "")
    return int(own) if own.isdecimal() and int(own) else max(1, cores() // jobs)


class Teller:
    """Tells the process that started this one what a part does, progress not more often than can be read."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.told, self.what = connection, 0.0, ""

    def say(self, line: str) -> None:
        self.connection.send((SAY, line))

    def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
        now = time.monotonic()
        if now - self.told > SECONDS_BETWEEN_REPORTS:
            self.told = now
            self.connection.send((PROGRESS, what, done, total))


def work(connection: Connection) -> None:
    """Carry out the parts that come, until whoever gives them is gone."""
    from synthcli.allocator import keep_freed_memory

    keep_freed_memory()
    teller = Teller(connection)
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send((RESULT, attempt(connection.recv(), teller)))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        work(Connection(int(sys.argv[1])))
    os._exit(0)  # nothing is left to tidy up
