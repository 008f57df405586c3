"""The executor of one machine: shards in this process, and in others beside it.

This process reads, gives the others what they can take, and makes a shard itself when none of them can: all
are busy, and none waits for another.
"""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection, wait
from pathlib import Path

from synthcli.children import Children
from synthcli.data.prepare.encoding import TextEncoder, load_encoder
from synthcli.data.prepare.shard import ShardDraft, make_shard
from synthcli.data.prepare.sharding import SHARD_BYTES
from synthcli.data.prepare.texts import ShardTask
from synthcli.data.prepare.worker import ShardWorker
from synthcli.errors import WorkFailedError

ATTEMPTS = 2  # for a shard whose process was killed


@dataclass(frozen=True)
class ExecutorOptions:
    """What an executor may use: processes of this machine, or a cluster's address."""

    workers: int = 1
    address: str | None = None


def make_locally(
    tasks: Iterator[ShardTask], tokenizer: Path, drafts: Path, options: ExecutorOptions
) -> Iterator[ShardDraft]:
    """Yield shards as they are done; what is smaller than a shard is not worth a process."""
    encoder = load_encoder(tokenizer)
    first, is_all = _take_first_shard(tasks)
    if options.workers == 1 or is_all:
        yield from (make_shard(task, encoder, drafts) for task in chain(first, tasks))
        return
    with Children() as children:
        pool = WorkerPool(tokenizer, drafts, options.workers - 1, children)
        try:
            yield from pool.make(chain(first, tasks), encoder)
        finally:
            pool.dismiss()


def _take_first_shard(tasks: Iterator[ShardTask]) -> tuple[list[ShardTask], bool]:
    """Take tasks until they are a shard's worth of text; return them, and whether they are all."""
    taken: list[ShardTask] = []
    while sum(task.bytes for task in taken) < SHARD_BYTES:
        task = next(tasks, None)
        if task is None:
            return taken, True
        taken.append(task)
    return taken, False


class WorkerPool:
    """Workers beside this process, all started at once."""

    def __init__(self, tokenizer: Path, drafts: Path, size: int, children: Children) -> None:
        self.tokenizer, self.drafts, self.children = tokenizer, drafts, children
        self.workers: dict[Connection, ShardWorker] = {}
        for _ in range(size):
            self.hire()

    def hire(self) -> ShardWorker:
        worker = ShardWorker(self.tokenizer, self.drafts, self.children)
        self.workers[worker.connection] = worker
        return worker

    def make(self, tasks: Iterator[ShardTask], encoder: TextEncoder) -> Iterator[ShardDraft]:
        """Yield shards: those of the workers as they come, and those this process makes."""
        for task in tasks:
            yield from self.collect_finished(seconds=0)
            with_room = [worker for worker in self.workers.values() if worker.has_room]
            if with_room:
                least = min(with_room, key=lambda worker: len(worker.given))
                least.give(pickle.dumps(task, pickle.HIGHEST_PROTOCOL))
            else:
                yield make_shard(task, encoder, self.drafts)
        while any(worker.given for worker in self.workers.values()):
            yield from self.collect_finished()

    def collect_finished(self, seconds: float | None = None) -> Iterator[ShardDraft]:
        """Yield what workers have made; wait for it as long as is said, or until there is some."""
        for connection in wait(list(self.workers), seconds):
            assert isinstance(connection, Connection)
            worker = self.workers[connection]
            answer = worker.answer()
            if answer is None:
                self.replace(worker)
            elif isinstance(answer, ShardDraft):
                yield answer

    def replace(self, worker: ShardWorker) -> None:
        """Give the shards of a worker that was killed to a new one."""
        worker.end()
        del self.workers[worker.connection]
        if worker.deaths + 1 == ATTEMPTS:
            raise WorkFailedError(
                f"two processes were killed while they made a shard, the last with code"
                f" {worker.process.returncode}",
                "give it more memory, or fewer processes (`--workers 1`); what is finished is kept",
            )
        successor = self.hire()
        successor.deaths = worker.deaths + 1
        for packed in worker.given:
            successor.give(packed)

    def dismiss(self) -> None:
        for worker in self.workers.values():
            worker.end()
