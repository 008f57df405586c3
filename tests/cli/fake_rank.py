"""A process of a training that trains nothing: does what the words for its number say.

python -m tests.cli.fake_rank DESCRIPTOR FOLDER WORD...
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from synthcli.cli import rank
from synthcli.errors import OutOfMemoryError, SynthError, WorkFailedError
from tests.ranks.rank import block

SILENT = {"blocked": block, "unheard": lambda folder: Unheard(), "leaves": lambda folder: os._exit(3)}
PEER = "[gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]:1234"


class LateError(RuntimeError):
    """A failure during whose telling a signal comes."""

    def __str__(self) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return PEER


class Unheard:
    """A signal comes as it goes, where nothing can be raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def act() -> int:
    folder, *words = sys.argv[1:]
    own = os.environ["RANK"]
    word = words[int(own)]
    got: list[int] = []
    if word in ("saves", "stubborn"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: got.append(number))
    Path(folder, f"{own}-{os.getpid()}").touch()
    while len(list(Path(folder).glob("?-*"))) < len(words):  # all have begun
        time.sleep(0.05)
    if word == "done":
        return 0
    if word == "mistake":
        raise SynthError("this cannot be", "ask for something else")
    if word == "failed":
        raise WorkFailedError("the loss is nan", "lower the rate")
    if word == "full":
        raise OutOfMemoryError("there is not enough memory on GPU 1", "lower the batch", "rows=4")
    if word in SILENT:
        SILENT[word](Path(folder))
    if word == "bug":
        raise ZeroDivisionError("a bug of ours")
    if word == "late":
        raise LateError
    while not (got and word == "saves"):
        time.sleep(0.05)
        if word == "lost" and Path(folder, "gone").exists():
            raise RuntimeError(PEER)
    time.sleep(0.3)  # as long as another signal would need
    Path(folder, f"{own}-saved-after-{len(got)}").touch()
    return 130


if __name__ == "__main__":
    torch = SimpleNamespace(distributed=SimpleNamespace(DistError=ConnectionError))
    sys.modules["torch"] = torch  # type: ignore[assignment] - the real one takes seconds
    rank.run = act
    rank.run_rank()
