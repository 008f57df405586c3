"""Compare arms: what is trained is used, what is unfinished is resumed, what is missing is trained."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TypeVar

from synthcli import atomic_files
from synthcli.compare.record import RunRecord
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, WorkFailedError, carry_result
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.noise import NoiseFloor, measure_noise, noise_file, write_noise
from synthcli.jobs.compare.page import page
from synthcli.jobs.compare.records import find_record, make_record, read_records, record_name, training_cost
from synthcli.jobs.compare.report import fairness_of, report_of
from synthcli.jobs.compare.report_types import ArmPlan, CompareReport
from synthcli.jobs.compare.tables import make_tables
from synthcli.jobs.compare.times import measure_steps, times_markdown
from synthcli.jobs.compare.words import markdown
from synthcli.jobs.ladder.tables import ladder_markdown
from synthcli.jobs.parallel.carry_out import Board, carry_out_all
from synthcli.jobs.parallel.cluster import current_cluster
from synthcli.jobs.parallel.work import Failure, Listener, observer_of
from synthcli.jobs.reproduce.rows import find_trained, finish_run
from synthcli.jobs.tune.words import count_trials
from synthcli.presets.schema import Experiment
from synthcli.runs import refuse_unwritable_runs
from synthcli.runs.differences import preset_hash

ELSEWHERE = "name another folder with `-o`"
KEPT = "give the same command again: what is done is kept"
Ended = TypeVar("Ended", RunRecord, Failure)


@dataclass(frozen=True)
class ArmRun:
    """One seed of one arm: trained where it is not yet, evaluated, and recorded.

    `pair` is the seed of the baseline that it stands beside: its own, unless the arm has seeds of its own.
    """

    arm: Arm
    pair: int
    seed: int
    scale: str | None
    overrides: tuple[str, ...]
    metrics: tuple[str, ...]

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        rung = f", {self.arm.rung.name}" if self.arm.rung else ""
        return f"{self.arm.name}{rung}, seed {self.seed}"

    def experiment(self) -> Experiment:
        return self.arm.experiment(self.scale, self.overrides, self.seed)

    def carry_out(self, listener: Listener) -> RunRecord:
        """Return its record."""
        observer = observer_of(listener)
        experiment = self.experiment()
        run = self.arm.run or finish_run(experiment, observer)
        return make_record(run, experiment, self.metrics, observer)


@dataclass
class ArmComparison:
    """The runs of a comparison, a seed of every arm before the next seed: what there is of it is fair."""

    config: CompareConfig
    waiting: list[ArmRun] = field(default_factory=list)
    records: dict[str, dict[int, RunRecord]] = field(default_factory=dict)
    failures: dict[str, dict[int, Failure]] = field(default_factory=dict)
    home: Path | None = None  # where records are kept as they come from another machine

    @property
    def total(self) -> int:
        return len(self.config.arms) * len(self.config.seeds_in_turn())

    @property
    def number_done(self) -> int:
        return sum(len(of_arm) for side in (self.records, self.failures) for of_arm in side.values())

    def end(self, work: ArmRun, result: object) -> None:
        """Take the record of a run, or why there is none; they stand in order, whichever ends first."""
        if isinstance(result, Failure):
            _insert(self.failures, work, result)
            return
        assert isinstance(result, RunRecord)
        _insert(self.records, work, result)
        if self.home is not None:
            write_record(self.home, result)

    def all_records(self) -> Iterator[RunRecord]:
        """Yield the records of all runs, that a report is made of."""
        for of_arm in self.records.values():
            yield from of_arm.values()

    def parts(self) -> Mapping[str, "ArmComparison"]:
        """Return the comparisons that this one is made of, by what they are called beside an arm."""
        return {"": self}

    def extend(self, report: CompareReport) -> None:
        """Add to the report what this comparison has beside its contrasts."""

    def outcome_of(self, result: object) -> str:
        """Say what a run came to in a few words."""
        if isinstance(result, Failure):
            return f"failed: {result.message}"
        assert isinstance(result, RunRecord)
        return ", ".join(f"{figure.name} {figure.value:.4g}" for figure in result.figures[:1])


def _insert(side: dict[str, dict[int, Ended]], work: ArmRun, ended: Ended) -> None:
    of_arm = {**side.get(work.arm.name, {}), work.pair: ended}
    side[work.arm.name] = dict(sorted(of_arm.items()))


def prepare(config: CompareConfig) -> ArmComparison:
    """Return a comparison: which of its runs are recorded, and which are still to be made."""
    known = [] if config.records is None else read_records(config.records)
    comparison = ArmComparison(config, records={arm.name: {} for arm in config.arms})
    runs = [
        ArmRun(arm, seed, config.seed_of(number, seed), config.scale, config.overrides, config.metric_names)
        for seed in config.seeds_in_turn()
        for number, arm in enumerate(config.arms)
    ]
    refuse_equal_runs(runs)
    for run in runs:
        record = find_record(known, run.experiment(), run.metrics) if run.arm.run is None else None
        if record is None:
            comparison.waiting.append(run)
        else:
            comparison.end(run, record)
    return comparison


def refuse_equal_runs(runs: Sequence[ArmRun]) -> None:
    """Raise where two arms have a run in common: its noise would not count."""
    known: dict[str, ArmRun] = {}
    arms = list(dict.fromkeys(run.arm for run in runs if run.arm.run is None))
    for run in (run for arm in arms for run in runs if run.arm is arm):
        experiment = run.experiment()
        settings = experiment.model_dump(mode="json") | {"name": ""}
        own = preset_hash(settings) + experiment.evaluation.model_dump_json()
        first = known.setdefault(own, run)
        if first.arm is not run.arm:
            words = f"`'{run.arm.name}={run.arm.preset}: training.seed=1000'`"
            message = f"arms `{first.arm.name}` and `{run.arm.name}` have one run in common: seed {run.seed}"
            raise SynthError(message, f"let one of them differ, or have seeds of its own: {words}")


def compare(comparison: ArmComparison, folder: Path, board: Board, jobs: int = 1) -> CompareReport:
    """Make the runs that are missing, `jobs` at a time, and write the report; return it."""
    config = comparison.config
    refuse_unwritable(folder / config.name / "report.json", ELSEWHERE)
    if current_cluster() is not None:
        for part in comparison.parts().values():
            part.home = folder / config.name / "records"
    make_runs(comparison, board, jobs)
    report = report_of(config, comparison.records, comparison.failures)
    comparison.extend(report)
    if config.has_times:
        report["step_seconds"] = measure_steps(config, comparison.records, folder / config.name, board, jobs)
    write_report(report, comparison, folder / config.name)
    return report


def count_kept(config: CompareConfig, folder: Path) -> CompareConfig:
    """Count the records that came from a cluster before as runs: the runs themselves may be there alone."""
    kept = folder / config.name / "records"
    if current_cluster() is None or config.records is not None or not kept.is_dir():
        return config
    return replace(config, records=kept)


def find_noise(comparison: ArmComparison, board: Board, jobs: int = 1) -> tuple[list[NoiseFloor], Path]:
    """Make the runs of one arm that are missing, and keep how far they vary with the presets."""
    config = comparison.config
    refuse_unwritable(noise_file(config.arms[0].preset), "presets of an installed package may be nobody's")
    make_runs(comparison, board, jobs)
    records = comparison.records[config.arms[0].name]
    floors = [measure_noise(records, quantity) for quantity in config.quantities]
    return floors, write_noise(floors)


def make_runs(comparison: ArmComparison, board: Board, jobs: int) -> None:
    """Make the runs that are missing; what fails otherwise than by diverging ends the comparison."""
    refuse_unwritable_runs()
    carry_out_all(comparison, board, min(jobs, len(comparison.waiting)))
    _refuse_failures(comparison)


def write_report(report: CompareReport, comparison: ArmComparison, folder: Path) -> None:
    """Write the report as JSON, Markdown, a page and tables, and the record of every run that it counts."""
    with carry_result(report), guard_write(f"the report `{folder}`", folder, ELSEWHERE, KEPT):
        (folder / "records").mkdir(parents=True, exist_ok=True)
        for record in comparison.all_records():
            write_record(folder / "records", record)
        text = json.dumps(report, indent=2, ensure_ascii=False)
        atomic_files.write_text(folder / "report.json", text + "\n")
        sections = [markdown(report), *times_markdown(report), *ladder_markdown(report)]
        atomic_files.write_text(folder / "report.md", "\n".join(sections))
        atomic_files.write_text(folder / "report.html", page(report, comparison.records))
        for name, table in make_tables(report, comparison.records).items():
            atomic_files.write_text(folder / name, table)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write a record into a folder, which is made where it is not there."""
    path = folder / record_name(record)
    with guard_write(f"`{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record.to_json(), ensure_ascii=False, separators=(",", ":"))
        atomic_files.write_text(path, text + "\n")


def _refuse_failures(comparison: ArmComparison) -> None:
    """Raise for runs that failed otherwise than by diverging, which is an outcome like another."""
    others = [
        (", ".join(filter(None, (arm, part))), seed, failure)
        for part, one in comparison.parts().items()
        for arm, of_arm in one.failures.items()
        for seed, failure in of_arm.items()
        if not has_diverged(failure)
    ]
    if others:
        lines = [f"{arm}, seed {seed}: {failure.message}" for arm, seed, failure in others]
        error = WorkFailedError("\n".join([f"{len(lines)} runs failed:", *lines]), others[0][2].hint or KEPT)
        error.exit_code = others[0][2].exit_code
        raise error


def has_diverged(failure: Failure) -> bool:
    """Whether a training ended since its numbers were no longer finite."""
    return any(sign in failure.message for sign in (" is nan at step ", " is inf at step "))


def plan_of(comparison: ArmComparison) -> list[ArmPlan]:
    """Return what each arm is and takes: how many runs are to be made, and how long, where one says it."""
    table = fairness_of(comparison.config)
    for row in table:
        own = [run for run in comparison.waiting if run.arm.name == row["arm"]]
        trained = {run.pair: find_trained(run.experiment()) for run in own}
        known = [record.cost["seconds"] for record in comparison.records[row["arm"]].values()]
        known += [training_cost(run)["seconds"] for run in trained.values() if run is not None]
        row["missing"] = sum(run is None for run in trained.values())
        trials = count_trials(row, comparison.config, known)
        row["hours"] = (row["missing"] + trials) * median(known) / 3600 if known else None
    return table
