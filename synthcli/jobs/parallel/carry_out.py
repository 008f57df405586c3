"""Carry out pieces of work, several at a time, each on its share of the machine."""

import os
from typing import Protocol

import torch

from synthcli.children import Children, cores
from synthcli.device import CUDA, VISIBLE, chosen_word, current_device
from synthcli.jobs.parallel.cluster import current_cluster
from synthcli.jobs.parallel.crew import Crew
from synthcli.jobs.parallel.ray_crew import TaskCrew
from synthcli.jobs.parallel.work import Listener, Work, attempt
from synthcli.memory import memory

WORKER_BYTES = 2**30  # about what a process takes at scale smoke


class Board(Protocol):
    """Is shown what is carried out, several at a time."""

    def begin(self, part: str) -> Listener:
        """Return who is told what the part does."""

    def end(self, part: str, outcome: str, ended: int, parts: int) -> None:
        """Take what it came to, and how many of all parts have ended."""


class Queue(Protocol[Work]):
    """What is to be carried out, in order; more may come as some of it ends."""

    waiting: list[Work]
    """The works whose turn comes."""

    @property
    def number_done(self) -> int:
        """How many have ended."""

    @property
    def total(self) -> int:
        """How many there are, those to come too."""

    def end(self, work: Work, result: object) -> None:
        """Take what has become of one."""

    def outcome_of(self, result: object) -> str:
        """Say it in a few words."""


def default_jobs() -> int:
    """Return how much is done at a time: one a GPU, else one a core as far as memory goes."""
    if (cluster := current_cluster()) is not None:
        return cluster.works
    return len(visible_gpus()) or max(1, min(cores(), memory() // WORKER_BYTES))


def carry_out_all(queue: Queue[Work], board: Board, jobs: int) -> None:
    """Carry out all of a queue, `jobs` at a time; what fails leaves the others alone."""
    if (cluster := current_cluster()) is not None:
        _by_crew(queue, board, TaskCrew(cluster, jobs))
    elif jobs > 1:
        with Children() as children:
            _by_crew(queue, board, Crew(jobs, visible_gpus(), children))
    else:
        _here(queue, board)


def _here(queue: Queue[Work], board: Board) -> None:
    """Carry out one after the other in this process."""
    while queue.waiting:
        work = queue.waiting.pop(0)
        _end(queue, board, work, attempt(work, board.begin(work.name)))


def _by_crew(queue: Queue[Work], board: Board, crew: Crew[Work] | TaskCrew[Work]) -> None:
    """Carry out works beside each other; an interrupt lets each save itself first."""
    try:
        while queue.waiting or crew.busy:
            for worker in crew.idle:
                if queue.waiting:
                    work = queue.waiting.pop(0)
                    worker.give(work, board.begin(work.name))
            for ended, result in crew.results():
                _end(queue, board, ended, result)
    except KeyboardInterrupt:
        crew.interrupt()
        raise


def _end(queue: Queue[Work], board: Board, work: Work, result: object) -> None:
    """Note what has become of a work, and show it."""
    queue.end(work, result)
    board.end(work.name, queue.outcome_of(result), queue.number_done, queue.total)


def visible_gpus() -> list[str]:
    """Return the GPUs that work runs on, as `CUDA_VISIBLE_DEVICES` names them: none on the processor."""
    if current_device().type != CUDA:
        return []
    named = [name for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    there = named or [str(number) for number in range(torch.cuda.device_count())]
    return [there[current_device().index]] if ":" in chosen_word() else there
