"""The engine of one machine: shards in this process, or in several that each load the tokenizer once."""

import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from synthcli.data.preparing.cutting import SHARD_BYTES, Task
from synthcli.data.preparing.encoding import encoder_in
from synthcli.data.preparing.shard import Draft, make_shard
from synthcli.errors import WorkFailedError

ATTEMPTS = 2  # for a shard whose process was killed
SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Means:
    """What an engine may use: processes of this machine, or a cluster's address."""

    workers: int = 1
    address: str | None = None


def make_locally(tasks: Iterator[Task], tokenizer: Path, drafts: Path, means: Means) -> Iterator[Draft]:
    """Yield shards as they are done; what is smaller than a shard is not worth a process."""
    first, is_all = beginning(tasks)
    if means.workers == 1 or is_all:
        encoder = encoder_in(tokenizer)
        yield from (make_shard(task, encoder, drafts) for task in chain(first, tasks))
        return
    crew = Crew(tokenizer, drafts, means.workers)
    try:
        yield from crew.make(chain(first, tasks))
    finally:
        crew.dismiss()


def beginning(tasks: Iterator[Task]) -> tuple[list[Task], bool]:
    """Take tasks until they are a shard's worth of text; return them, and whether they are all."""
    taken: list[Task] = []
    while sum(task.bytes for task in taken) < SHARD_BYTES:
        task = next(tasks, None)
        if task is None:
            return taken, True
        taken.append(task)
    return taken, False


class Worker:
    """A process that makes one shard at a time."""

    def __init__(self, tokenizer: Path, drafts: Path) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=work, args=(theirs, tokenizer, drafts), daemon=True
        )
        with interrupts_held():
            self.process.start()
        theirs.close()
        self.packed, self.attempts = b"", 0

    def give(self, packed: bytes, attempts: int = 1) -> None:
        self.packed, self.attempts = packed, attempts
        try:
            self.connection.send_bytes(packed)
        except OSError:  # it was killed: `result` will find out
            return

    def result(self) -> Draft | None:
        """Return its shard, None where it was killed; raise what it raised."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Draft)
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join(SECONDS_TO_END)
        self.connection.close()


class Crew:
    """Workers, all started at once: loading takes them a second. At most one shard waits for one of them."""

    def __init__(self, tokenizer: Path, drafts: Path, size: int) -> None:
        self.tokenizer, self.drafts, self.size = tokenizer, drafts, size
        self.idle = [Worker(tokenizer, drafts) for _ in range(size)]
        self.busy: dict[Connection, Worker] = {}

    def make(self, tasks: Iterator[Task]) -> Iterator[Draft]:
        for task in tasks:
            packed = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
            while len(self.busy) == self.size:
                yield from self.finished()
            self.assign(packed)
        while self.busy:
            yield from self.finished()

    def assign(self, packed: bytes, attempts: int = 1) -> None:
        worker = self.idle.pop() if self.idle else Worker(self.tokenizer, self.drafts)
        self.busy[worker.connection] = worker
        worker.give(packed, attempts)

    def finished(self) -> Iterator[Draft]:
        """Wait for one worker or more, and yield what they made."""
        for connection in wait(list(self.busy)):
            assert isinstance(connection, Connection)
            worker = self.busy[connection]
            draft = worker.result()
            del self.busy[connection]
            if draft is None:
                self.replace(worker)
            else:
                self.idle.append(worker)
                yield draft

    def replace(self, worker: Worker) -> None:
        """Give the shard of a worker that was killed to a new one."""
        worker.end()
        if worker.attempts == ATTEMPTS:
            raise WorkFailedError(
                f"two processes were killed while they made one shard, the last with code"
                f" {worker.process.exitcode}",
                "give it more memory, or fewer processes (`--workers 1`); what is finished is kept",
            )
        self.assign(worker.packed, worker.attempts + 1)

    def dismiss(self) -> None:
        for worker in [*self.idle, *self.busy.values()]:
            worker.end()


class interrupts_held:  # noqa: N801, a context manager
    """A process started within never sees Ctrl-C, which a terminal sends to all: this one ends it."""

    def __enter__(self) -> None:
        resource_tracker.ensure_running()  # its start would let the signal through again
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def __exit__(self, *error: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


def work(connection: Connection, tokenizer: Path, drafts: Path) -> None:
    """Make the shards that come, until whoever gives them is gone."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # each worker has its core
    with suppress(EOFError, ConnectionError):
        try:
            encoder = encoder_in(tokenizer)
            while True:
                connection.send(make_shard(pickle.loads(connection.recv_bytes()), encoder, drafts))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            connection.send(error)
