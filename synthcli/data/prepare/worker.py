"""A process that makes one shard after the other, and what starts it and talks to it.

It is a Python of its own, which imports no more than it needs: `python -m synthcli.data.prepare.worker`. A
thread of it takes the next shard's texts in while the one before is made.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from synthcli.children import Children
from synthcli.data.prepare.encoding import load_encoder
from synthcli.data.prepare.shard import ShardDraft, make_shard

READY = "ready"
GIVEN_AT_ONCE = 2  # shards: one is made, one is taken in
SECONDS_TO_END = 5.0


class ShardWorker:
    """The process, seen from the one that started it."""

    def __init__(self, tokenizer: Path, drafts: Path, children: Children) -> None:
        self.connection, theirs = Pipe()
        descriptor = theirs.fileno()
        words = [str(descriptor), str(tokenizer), str(drafts)]
        with hold_interrupts():
            self.process = children.start_module(__name__, words, pass_fds=[descriptor])
        theirs.close()
        self.given: deque[bytes] = deque()  # shards it has not made yet, packed
        self.is_ready = False  # to be given some: it has started
        self.deaths = 0  # of processes that were to make the first of these shards

    @property
    def has_room(self) -> bool:
        return self.is_ready and len(self.given) < GIVEN_AT_ONCE

    def give(self, packed: bytes) -> None:
        self.given.append(packed)
        with suppress(OSError):  # it was killed: `answer` will find out
            self.connection.send_bytes(packed)

    def answer(self) -> ShardDraft | str | None:
        """Return its next shard, `READY`, or None where it was killed; raise what it raised."""
        try:
            answer: ShardDraft | str | BaseException = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, BaseException):
            raise answer
        self.is_ready = True
        if isinstance(answer, ShardDraft):
            self.given.popleft()
            self.deaths = 0
        return answer

    def end(self) -> None:
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(SECONDS_TO_END)
        self.connection.close()


class hold_interrupts:  # noqa: N801, a context manager
    """A process started within never sees SIGINT: this one ends it."""

    def __enter__(self) -> None:
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def __exit__(self, *error: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


def _run_worker(connection: Connection, tokenizer: Path, drafts: Path) -> None:
    """Make the shards that come, until whoever gives them is gone."""
    with suppress(EOFError, ConnectionError):
        try:
            encoder = load_encoder(tokenizer)
            connection.send(READY)
            given: SimpleQueue[bytes | None] = SimpleQueue()
            Thread(target=_receive_tasks, args=(connection, given), daemon=True).start()
            while (packed := given.get()) is not None:
                connection.send(make_shard(pickle.loads(packed), encoder, drafts))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            connection.send(error)


def _receive_tasks(connection: Connection, given: "SimpleQueue[bytes | None]") -> None:
    """Pass on what comes, and None at its end."""
    with suppress(EOFError, OSError):
        while True:
            given.put(connection.recv_bytes())
    given.put(None)


if __name__ == "__main__":
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # each worker has its core
    _run_worker(Connection(int(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
