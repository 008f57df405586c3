"""Tasks of a cluster that carry out pieces of work, seen as the crew of processes of this machine is."""

import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from synthcli.device import AUTO, CUDA, chosen_word, on_device
from synthcli.jobs.parallel.cluster import Cluster
from synthcli.jobs.parallel.crew import SECONDS_TO_SAVE
from synthcli.jobs.parallel.work import Failure, Listener, Work, WorkItem, attempt
from synthcli.progress import no_progress, say_nothing

RETRIES = 3  # of a task whose process or machine was lost
AGAIN = "give the same command again: what is done is kept"
VERSIONS = "all machines of a cluster need the same versions of Python and `synth`"


@dataclass(frozen=True)
class PlacedWork:
    """A work, and the folder of the command, which is made where a machine does not share it."""

    work: WorkItem[object]
    folder: Path
    device: str

    @property
    def name(self) -> str:
        return self.work.name

    def carry_out(self, listener: Listener) -> object:
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chdir(self.folder)
        with on_device(self.device):
            return self.work.carry_out(listener)


class SilentListener:
    """Tells nobody: what a task does is seen at its end."""

    say = staticmethod(say_nothing)
    progress = staticmethod(no_progress)


def carry_out_packed(packed: bytes) -> bytes:
    """Carry out a work in whichever process this is; return its result, or its failure."""
    from synthcli.allocator import keep_freed_memory

    keep_freed_memory()
    return pickle.dumps(attempt(pickle.loads(packed), SilentListener()))


class TaskSlot(Generic[Work]):
    """Room for one task; `part` is what it does."""

    def __init__(self, crew: "TaskCrew[Work]") -> None:
        self.crew = crew
        self.part: Work | None = None
        self.task: object = None

    def give(self, part: Work, listener: Listener) -> None:
        self.part, self.task = part, self.crew.submit(part)

    def read(self) -> object:
        """Return the result of its task, a failure where the cluster has none."""
        assert self.part is not None
        errors = self.crew.ray.exceptions
        try:
            return pickle.loads(self.crew.ray.get(self.task))
        except errors.RayTaskError as error:  # before the work began: of it `attempt` tells
            return Failure(self.part.name, _last_line(error), VERSIONS)
        except errors.RayError as error:
            message = f"the cluster lost it {RETRIES + 1} times: {_first_line(error)}"
            return Failure(self.part.name, message, AGAIN)


class TaskCrew(Generic[Work]):
    """As many tasks at a time as are asked for; the cluster says which of its machines takes one."""

    def __init__(self, cluster: Cluster, jobs: int) -> None:
        self.ray = cluster.ray
        environment = {"env_vars": cluster.variables}
        options = {"max_retries": RETRIES, "num_cpus": cluster.threads, "num_gpus": cluster.gpus}
        self.remote = self.ray.remote(**options, runtime_env=environment)(carry_out_packed)
        word = chosen_word()
        self.device = CUDA if word.startswith(CUDA) else AUTO
        self.slots: list[TaskSlot[Work]] = [TaskSlot(self) for _ in range(jobs)]

    def submit(self, part: Work) -> object:
        placed = PlacedWork(part, Path.cwd(), self.device)
        return self.remote.remote(pickle.dumps(placed, pickle.HIGHEST_PROTOCOL))

    @property
    def idle(self) -> Iterator[TaskSlot[Work]]:
        return (slot for slot in self.slots if slot.part is None)

    @property
    def busy(self) -> list[TaskSlot[Work]]:
        return [slot for slot in self.slots if slot.part is not None]

    def results(self) -> Iterator[tuple[Work, object]]:
        """Wait until a task has ended; yield the works that have, and their results."""
        done, _ = self.ray.wait([slot.task for slot in self.busy])
        for slot in self.busy:
            if slot.task in done and slot.part is not None:
                part, result = slot.part, slot.read()
                slot.part = slot.task = None
                yield part, result

    def interrupt(self) -> None:
        """Let every training save itself; whoever takes too long is ended by the cluster."""
        tasks = [slot.task for slot in self.busy]
        for task in tasks:
            self.ray.cancel(task)
        if tasks:
            self.ray.wait(tasks, num_returns=len(tasks), timeout=SECONDS_TO_SAVE)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
