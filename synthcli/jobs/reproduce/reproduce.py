"""Reproduce: every task by every variant, trained, evaluated, in one table; what is done is not redone."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from synthcli import atomic_files
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, carry_result, did_you_mean
from synthcli.jobs.parallel.carry_out import Board, carry_out_all, default_jobs
from synthcli.jobs.parallel.work import Failure
from synthcli.jobs.reproduce.rows import Reproduction
from synthcli.jobs.reproduce.schedule import Schedule
from synthcli.reproduce.table import ResultRow, as_json, write_markdown
from synthcli.reproduce.tasks import ANY, TASKS
from synthcli.runs import Run, read_experiment, refuse_unwritable_runs

__all__ = ["Board", "Reproduction", "ReproductionReport", "default_jobs", "reproduce"]

ELSEWHERE = "name another folder with `-o`"
KEPT = "give the same command again: what is done is kept"


@dataclass(frozen=True)
class ReproductionReport:
    """The file of the table, None where there is no row; its rows, and what failed."""

    path: Path | None
    rows: list[ResultRow]
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


def reproduce(asked: Reproduction, folder: Path, board: Board, jobs: int = 1) -> ReproductionReport:
    """Carry out what is not done yet, `jobs` parts at a time, and write the table of what there is.

    A part that fails leaves the others alone.
    """
    if asked.scale not in ANY:
        raise SynthError(f"there is no scale `{asked.scale}`", did_you_mean(asked.scale, ANY))
    refuse_unwritable(folder / "report", ELSEWHERE)
    refuse_unwritable_runs()
    schedule = Schedule([task for task in TASKS if asked.scale in task.scales], asked)
    jobs = min(jobs, len(schedule.waiting))
    carry_out_all(schedule, board, jobs)
    rows, failures = schedule.rows, schedule.failures
    path = write_report(rows, failures, asked.scale, folder, jobs) if rows else None
    return ReproductionReport(path, rows, failures)


def gpus_of(rows: list[ResultRow]) -> list[str]:
    """Return the kinds of GPU that rows were trained on."""
    sessions = [session for row in rows for session in Run(Path(row.run)).sessions]
    return [*dict.fromkeys(session["gpu"] for session in sessions if "gpu" in session)]


def write_report(rows: list[ResultRow], failures: list[Failure], scale: str, folder: Path, jobs: int) -> Path:
    """Write the table as Markdown and JSON; return the Markdown's path."""
    seed = read_experiment(Run(Path(rows[0].run))).training.seed
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    where = ", ".join([versions, *gpus_of(rows)])
    failed = {one.part: one.message for one in failures}
    path, table = folder / f"reproduce-{scale}.md", as_json(rows, scale, seed, where, jobs, failed)
    with carry_result((rows, table)), guard_write(f"the report `{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.write_text(path, write_markdown(rows, scale, seed, where, jobs, failed))
        text = json.dumps(table, indent=2, ensure_ascii=False)
        atomic_files.write_text(path.with_suffix(".json"), text + "\n")
    return path
