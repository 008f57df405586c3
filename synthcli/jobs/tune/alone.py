"""`synth tune`: one preset tuned by itself, with a report of its own."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import synthcli
from synthcli import atomic_files
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import carry_result
from synthcli.jobs.compare.arms import parse_arm
from synthcli.jobs.compare.compare import ELSEWHERE, KEPT
from synthcli.jobs.compare.tuning import RECORDS, count_missing
from synthcli.jobs.parallel.carry_out import Board
from synthcli.jobs.tune.page import tune_page
from synthcli.jobs.tune.report import tabulate
from synthcli.jobs.tune.report_types import TunePlan, TuneReport
from synthcli.jobs.tune.tune import Tuning, complete, configure, prepare_tuning, tune
from synthcli.jobs.tune.words import describe_tuning
from synthcli.presets import plan_training


@dataclass(frozen=True)
class TuneRequest:
    """What is tuned, over what, and where the report goes; `records` are trials that are known already."""

    preset: str
    over: tuple[str, ...]
    trials: int = 8
    scale: str | None = None
    overrides: tuple[str, ...] = ()
    is_halving: bool = False
    records: Path | None = None
    output: Path = Path("reports")
    command: str = ""


@dataclass(frozen=True)
class TuneAlone:
    """A tuning, and where its report stands."""

    request: TuneRequest
    tuning: Tuning
    folder: Path


def prepare_alone(request: TuneRequest) -> TuneAlone:
    """Return the tuning of one preset, with the trials that records tell of."""
    arm = parse_arm(request.preset)
    config = configure(
        [arm],
        request.over,
        request.trials,
        request.scale,
        request.overrides,
        request.is_halving,
        option="--over",
    )
    folder = request.output / f"tune-{arm.name}"
    return TuneAlone(request, prepare_tuning(config, [request.records, folder / RECORDS]), folder)


def tune_alone(alone: TuneAlone, board: Board, jobs: int = 1) -> TuneReport:
    """Make the trials that are missing, and write the report; return it."""
    refuse_unwritable(alone.folder / "report.json", ELSEWHERE)
    tune(alone.tuning, alone.folder / RECORDS, board, jobs)
    report = report_alone(alone)
    with carry_result(report), guard_write(f"the report `{alone.folder}`", alone.folder, ELSEWHERE, KEPT):
        text = json.dumps(report, indent=2, ensure_ascii=False)
        atomic_files.write_text(alone.folder / "report.json", text + "\n")
        atomic_files.write_text(alone.folder / "report.md", describe_alone(report))
        atomic_files.write_text(alone.folder / "report.html", tune_page(report))
    return report


def report_alone(alone: TuneAlone) -> TuneReport:
    """Return the report as it is written to JSON."""
    config = alone.tuning.config
    table = tabulate(alone.tuning)
    return {
        "name": config.arms[0].name,
        "command": alone.request.command,
        "version": synthcli.__version__,
        "scale": config.scale or "paper",
        "tuning": table,
        "next": next_command(alone, table["arms"][0]["best"]["settings"]),
    }


def next_command(alone: TuneAlone, best: Sequence[str]) -> str:
    """Return the command that trains with the best settings."""
    config = alone.tuning.config
    arm = config.arms[0]
    words = ["synth", "train", arm.preset, *(["--scale", config.scale] if config.scale else [])]
    settings = [*config.overrides, *arm.overrides, *best]
    return shlex.join([*words, *(word for setting in settings for word in ("--set", setting))])


def describe_alone(report: TuneReport) -> str:
    """Return the report for people."""
    lines = [f"# Tuning {report['name']}", "", *describe_tuning(report["tuning"])]
    lines += [f"`{report['next']}` trains with the best settings.", ""]
    again = [f"`{report['command']}` makes this report again.", ""] if report["command"] else []
    return "\n".join([*lines, *again])


def plan_alone(alone: TuneAlone) -> TunePlan:
    """Return what the tuning takes: how many trials are to be made, of how many steps, in how many hours."""
    config = alone.tuning.config
    complete(alone.tuning)
    arm, missing = config.arms[0], count_missing(alone.tuning, config.arms[0])
    planned, seconds = plan_training(arm.experiment(config.scale, config.overrides, None)), missing["seconds"]
    return {
        "arm": arm.name,
        "parameters": planned.parameters.total,
        "steps": config.steps[0],
        "flops": planned.flops,
        "trials": missing["trials"],
        "runs": missing["runs"],
        "hours": missing["runs"] * median(seconds) / 3600 if seconds else None,
        "points": [dict(point) for point in config.points],
    }
