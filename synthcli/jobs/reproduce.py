"""Reproduce: every task by every variant, trained, evaluated, in one table; what is done is not redone."""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from synthcli import durable
from synthcli.children import Children, cores
from synthcli.device import CUDA, VISIBLE, chosen_word, current_device
from synthcli.disk import refuse_unwritable, writing
from synthcli.errors import SynthError, carrying, did_you_mean
from synthcli.jobs.reproduce_crew import Crew
from synthcli.jobs.reproduce_parts import Failure, Listener, Part, attempt
from synthcli.jobs.reproduce_rows import Reproduction
from synthcli.jobs.reproduce_schedule import Schedule
from synthcli.memory import memory
from synthcli.reproduce.table import Row, as_json, markdown
from synthcli.reproduce.tasks import ANY, TASKS
from synthcli.runs import Run, read_experiment, refuse_unwritable_runs

__all__ = ["Board", "Report", "Reproduction", "default_jobs", "reproduce"]

ELSEWHERE = "name another folder with `-o`"
KEPT = "give the same command again: what is done is kept"
WORKER_BYTES = 2**30  # about what a process takes at scale smoke


class Board(Protocol):
    """Is shown every part that is carried out, several at a time."""

    def begin(self, part: str) -> Listener:
        """Return who is told what the part does."""

    def end(self, part: str, outcome: str, ended: int, parts: int) -> None:
        """Take what it came to, and how many of all parts have ended."""


@dataclass(frozen=True)
class Report:
    """The file of the table, None where there is no row; its rows, and what failed."""

    path: Path | None
    rows: list[Row]
    failures: list[Failure]

    @property
    def error(self) -> SynthError | None:
        """One message for all that failed; the hint is theirs where they have the same."""
        if not self.failures:
            return None
        lines = [f"{one.part}: {one.message}" for one in self.failures]
        message = "\n".join([f"{len(lines)} failed:", *lines] if lines[1:] else lines)
        hints = {one.hint for one in self.failures}
        error = SynthError(message, next(iter(hints)) if len(hints) == 1 and "" not in hints else KEPT)
        error.exit_code = 1 if self.rows else min(one.exit_code for one in self.failures)
        return error


def default_jobs() -> int:
    """Return how many parts this machine does at a time: one a GPU, else one a core as far as memory goes."""
    return len(visible_gpus()) or max(1, min(cores(), memory() // WORKER_BYTES))


def reproduce(asked: Reproduction, folder: Path, board: Board, jobs: int = 1) -> Report:
    """Carry out what is not done yet, `jobs` parts at a time, and write the table of what there is.

    A part that fails leaves the others alone.
    """
    if asked.scale not in ANY:
        raise SynthError(f"there is no scale `{asked.scale}`", did_you_mean(asked.scale, ANY))
    refuse_unwritable(folder / "report", ELSEWHERE)
    refuse_unwritable_runs()
    schedule = Schedule([task for task in TASKS if asked.scale in task.scales], asked)
    jobs = min(jobs, len(schedule.waiting))
    if jobs > 1:
        carry_out_in_processes(schedule, board, jobs)
    else:
        carry_out_here(schedule, board)
    rows, failures = schedule.rows, schedule.failures
    path = write_report(rows, failures, asked.scale, folder, jobs) if rows else None
    return Report(path, rows, failures)


def carry_out_here(schedule: Schedule, board: Board) -> None:
    """Carry out one part after the other in this process."""
    while schedule.waiting:
        part = schedule.waiting.pop(0)
        end(schedule, board, part, attempt(part, board.begin(part.name)))


def carry_out_in_processes(schedule: Schedule, board: Board, jobs: int) -> None:
    """Carry out parts beside each other; an interrupt lets each save itself first."""
    with Children() as children:
        crew = Crew(jobs, visible_gpus(), children)
        try:
            while schedule.waiting or crew.busy:
                for worker in crew.idle:
                    if schedule.waiting:
                        part = schedule.waiting.pop(0)
                        worker.give(part, board.begin(part.name))
                for part, result in crew.results():
                    end(schedule, board, part, result)
        except KeyboardInterrupt:
            crew.interrupt()
            raise


def end(schedule: Schedule, board: Board, part: Part, result: object) -> None:
    """Note what has become of a part, and show it."""
    schedule.end(part, result)
    board.end(part.name, outcome_of(result), len(schedule.results), schedule.total)


def outcome_of(result: object) -> str:
    """Say what a part came to in a few words."""
    if isinstance(result, Failure):
        return f"failed: {result.message}"
    if isinstance(result, dict):
        return ", ".join(f"{variant} {time:.2f}" for variant, time in result.items())
    rows = result if isinstance(result, list) else []
    return ", ".join(f"{row.metric} {row.value:.2f}, untrained {row.untrained:.2f}" for row in rows)


def visible_gpus() -> list[str]:
    """Return the GPUs that rows run on, as `CUDA_VISIBLE_DEVICES` names them: none on the processor."""
    if current_device().type != CUDA:
        return []
    named = [name for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    there = named or [str(number) for number in range(torch.cuda.device_count())]
    return [there[current_device().index]] if ":" in chosen_word() else there


def write_report(rows: list[Row], failures: list[Failure], scale: str, folder: Path, jobs: int) -> Path:
    """Write the table as Markdown and JSON; return the Markdown's path."""
    seed = read_experiment(Run(Path(rows[0].run))).training.seed
    where = f"Python {platform.python_version()}, torch {torch.__version__}"
    failed = {one.part: one.message for one in failures}
    path, table = folder / f"reproduce-{scale}.md", as_json(rows, scale, seed, where, jobs, failed)
    with carrying((rows, table)), writing(f"the report `{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        durable.write_text(path, markdown(rows, scale, seed, where, jobs, failed))
        text = json.dumps(table, indent=2, ensure_ascii=False)
        durable.write_text(path.with_suffix(".json"), text + "\n")
    return path
