"""Times of a comparison, measured apart: a step of each arm in turn, when all runs are done."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from synthcli.compare.record import RunRecord
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.report_types import CompareReport, Peaks, StepTimes
from synthcli.jobs.compare.step_seconds import ROUNDS, find_step_seconds
from synthcli.jobs.compare.words import number_words
from synthcli.jobs.markdown import table_lines
from synthcli.jobs.parallel.carry_out import Board
from synthcli.jobs.parallel.crew import threads_of_worker
from synthcli.memory import amount

TIMES_FILE = "step-times.json"
COLUMNS = (
    *("arm", "seconds a step, measured apart", "of the baseline's", "seconds a run, others beside"),
    "peak memory of a process, at most",
)
Records = Mapping[str, Mapping[int, RunRecord]]


def measure_steps(
    config: CompareConfig, records: Records, folder: Path, board: Board, jobs: int
) -> StepTimes:
    """Return what a report says of times: medians of a step, in seconds, each arm on the threads of a run.

    They are measured once and kept in `folder`. The peak, in bytes, is the least of an arm's runs, as the
    process of one may have made others before.
    """
    arms = {arm.name: one for arm, one in zip(config.arms, config.experiments, strict=True)}
    measured = find_step_seconds(arms, [folder / TIMES_FILE], board, threads_of_worker(jobs))
    first = measured.seconds[config.arms[0].name]
    return {
        "rounds": ROUNDS,
        "device": measured.device,
        "threads": measured.threads,
        "arms": {
            name: {"seconds": one, "relative": one / first, **find_peaks(records.get(name, {}))}
            for name, one in measured.seconds.items()
        },
    }


def find_peaks(records: Mapping[int, RunRecord]) -> Peaks:
    """Return the least peak of the runs of an arm, of each kind that all of them know."""
    found: Peaks = {}
    if (peak := _least([record.cost.get("peak_memory") for record in records.values()])) is not None:
        found["peak_memory"] = peak
    if (peak := _least([record.cost.get("peak_gpu_memory") for record in records.values()])) is not None:
        found["peak_gpu_memory"] = peak
    return found


def _least(peaks: Sequence[float | None]) -> float | None:
    known = [peak for peak in peaks if peak]
    return min(known) if known and len(known) == len(peaks) else None


def times_table(report: CompareReport) -> list[list[str]]:
    """Return the rows of the table, none where nothing was measured."""
    times = report.get("step_seconds")
    if times is None:
        return []
    of_runs = {row["arm"]: row["seconds"] for row in report["arms"]}
    return [
        [
            name,
            number_words(one["seconds"]),
            f"{one['relative']:.3f}",
            number_words(of_runs[name]),
            _peak_words(one),
        ]
        for name, one in times["arms"].items()
    ]


def _peak_words(peaks: Peaks) -> str:
    words = [amount(int(peaks["peak_memory"]))] if "peak_memory" in peaks else []
    words += [amount(int(peaks["peak_gpu_memory"])) + " of the GPU"] if "peak_gpu_memory" in peaks else []
    return ", ".join(words) or "–"


def times_words(report: CompareReport) -> str:
    """Say how times were measured."""
    times = report["step_seconds"]
    threads = f"{times['threads']} thread{'s' * (times['threads'] != 1)}"
    steps = f"Medians of {times['rounds']} steps of each arm in turn, after all runs"
    return f"{steps}, on {times['device']}, {threads}."


def times_markdown(report: CompareReport) -> list[str]:
    """Return the section of a report on times, nothing where none were measured."""
    rows = times_table(report)
    if not rows:
        return []
    return ["## Times", "", times_words(report), "", *table_lines(COLUMNS, rows), ""]
