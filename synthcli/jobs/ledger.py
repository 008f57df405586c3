"""The ledger: claims tested at a scale; what is recorded is used, what is missing is trained or measured."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from synthcli import durable
from synthcli.claims.files import Named, all_claims, find_claims
from synthcli.claims.measured import PREFIX, Measured, read_measured
from synthcli.claims.schema import SCALES, Scale
from synthcli.compare.record import RunRecord, read_record
from synthcli.disk import refuse_unwritable, writing
from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.claim_budget import TestChoice, choose_tests
from synthcli.jobs.claim_tests import ClaimTest, find_test
from synthcli.jobs.compare import ArmRun, write_record
from synthcli.jobs.parallel import Board, carry_out_all
from synthcli.jobs.records import OF_ARMS, find_record
from synthcli.jobs.reproduce_rows import finished_run
from synthcli.jobs.work import Failure, Listener, watcher_of
from synthcli.presets.schema import Experiment
from synthcli.runs import refuse_unwritable_runs
from synthcli.runs.differences import preset_hash
from synthcli.runs.environment import environment

ELSEWHERE = "name another folder with `-o`"
KEPT = "give the same command again: what is done is kept"
RECORDS = "records"
MOST_SEEDS = 50
MADE = ("time", "commit", "processor", "processors", "python", "versions")


@dataclass(frozen=True)
class LedgerConfig:
    """Which claims, at which scale, from which seed on; `budget` is in hours of a core, or of a GPU.

    No scale is every scale that records tell of: nothing is run.
    """

    ids: tuple[str, ...] = ()
    family: str | None = None
    scale: Scale | None = "smoke"
    budget: float | None = None
    first_seed: int = 0
    data: Path | None = None
    records: Path | None = None
    command: str = ""

    @cached_property
    def claims(self) -> list[Named]:
        """Those that were asked for; the controls are in every ledger."""
        return [one for one in self._found if not one.is_control]

    @cached_property
    def controls(self) -> list[Named]:
        """Those of a file of one's own where it has some, else the library's."""
        own = [one for one in self._found if one.is_control]
        return own or [one for one in all_claims().values() if one.is_control]

    @cached_property
    def _found(self) -> list[Named]:
        return find_claims(self.ids, self.family)


@dataclass(frozen=True)
class MeasureWork:
    """What a test measures beside runs."""

    test: ClaimTest

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        return self.test.named.id

    def carry_out(self, listener: Listener) -> Measured:
        """Return the values of all arms."""
        measure = self.test.own_measure
        assert measure is not None
        start = time.monotonic()
        values = measure.take(self.test.experiments(), watcher_of(listener))
        return Measured(
            measure.word,
            self.test.scale,
            self.test.settings_hash,
            tuple(self.test.seeds),
            {arm: tuple(of_arm) for arm, of_arm in values.items()},
            {key: value for key, value in environment().items() if key in MADE},
            round(time.monotonic() - start, 2),
        )


@dataclass(frozen=True)
class TeacherWork:
    """A teacher whose students are measured after it is trained."""

    experiment: Experiment

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        return f"{self.experiment.name}, seed {self.experiment.training.seed}"

    def carry_out(self, listener: Listener) -> str:
        """Return the run of the teacher."""
        return finished_run(self.experiment, watcher_of(listener)).id


Work = ArmRun | MeasureWork | TeacherWork


@dataclass
class Evidence:
    """Records of runs and of measures, found by what they are of."""

    records: dict[tuple[str, str, int], list[RunRecord]] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)

    @classmethod
    def read(cls, folders: Sequence[Path | None]) -> "Evidence":
        """Return what the files in folders hold, in folders within them too."""
        found = cls()
        for path in (path for folder in folders if folder for path in sorted(folder.rglob("*.json"))):
            if path.name.startswith(PREFIX):
                found.add(read_measured(path))
            elif RECORDS in {path.parent.name, path.parent.parent.name} and path.name not in OF_ARMS:
                found.add(read_record(path))
        return found

    def add(self, one: RunRecord | Measured) -> None:
        if isinstance(one, Measured):
            self.measured[one.settings] = one
        else:
            self.records.setdefault((one.preset, one.scale, one.seed), []).append(one)

    def find(self, experiment: Experiment, metrics: Sequence[str]) -> RunRecord | None:
        """Return the record of exactly this experiment, evaluated so."""
        key = (experiment.name, experiment.scale, experiment.training.seed)
        return find_record(self.records.get(key, []), experiment, metrics)

    def of_test(self, test: ClaimTest) -> dict[str, dict[int, RunRecord]]:
        """Return the records of each arm by seed: the test's seeds, and more where all arms have them."""
        found: dict[str, dict[int, RunRecord]] = {arm: {} for arm in test.arms}
        if test.quantity is None:
            return found
        for seed in range(test.first_seed, test.first_seed + MOST_SEEDS):
            of_seed = dict(self._of_seed(test, seed))
            if seed >= test.first_seed + test.setup.seeds and len(of_seed) < len(test.arms):
                break
            for arm, record in of_seed.items():
                found[arm][seed] = record
        return found

    def _of_seed(self, test: ClaimTest, seed: int) -> Iterator[tuple[str, RunRecord]]:
        assert test.quantity is not None
        for name, arm in test.arms.items():
            experiment = arm.experiment(test.scale, test.setup.settings, test.seed_of(arm, seed))
            record = self.find(experiment, (test.quantity.metric,))
            if record is not None:
                yield name, record


@dataclass
class Ledger:
    """The works that tests need, and what they came to."""

    config: LedgerConfig
    choice: TestChoice
    evidence: Evidence
    folder: Path
    waiting: list[Any] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    without_text: list[ClaimTest] = field(default_factory=list)
    number_done: int = 0
    total: int = 0

    def end(self, work: Any, result: Any) -> None:
        """Take what a work came to, and keep it at once."""
        self.number_done += 1
        if isinstance(result, Failure):
            self.failures.append(result)
            return
        if isinstance(result, str):
            return
        self.evidence.add(result)
        if isinstance(result, RunRecord):
            write_record(self.folder / RECORDS, result)
        else:
            write_measured(self.folder / RECORDS, result)

    def outcome_of(self, result: Any) -> str:
        """Say what a work came to in a few words."""
        if isinstance(result, Failure):
            return f"failed: {result.message}"
        if isinstance(result, str):
            return result
        if isinstance(result, Measured):
            means = (f"{arm} {sum(values) / len(values):.4g}" for arm, values in result.values.items())
            return ", ".join(means)
        return ", ".join(f"{figure.name} {figure.value:.4g}" for figure in result.figures[:1])


def find_scale(word: str) -> Scale:
    """Return the scale that a word names."""
    for scale in SCALES:
        if scale == word:
            return scale
    raise SynthError(f"there is no scale `{word}`", did_you_mean(word, SCALES))


def prepare(config: LedgerConfig, output: Path) -> Ledger:
    """Return the ledger before it is run: what is chosen, what is recorded, what is to be done."""
    evidence = read_evidence(config, output)
    named, scale = [*config.claims, *config.controls], config.scale
    assert scale is not None
    scales: tuple[Scale, ...] = (scale,) if scale == "paper" else ("paper", scale)
    found = (find_test(one, scale, config.first_seed, config.data) for one in named for scale in scales)
    tests = [
        one for one in found if one is not None and (one.scale == config.scale or one.named.claim.is_exact)
    ]
    without_text = [one for one in tests if not one.named.claim.is_exact and one.lacks_text]
    tests = [one for one in tests if one not in without_text]
    choice = choose_tests(tests, config.budget, lambda run: is_recorded(evidence, run), evidence.measured)
    ledger = Ledger(config, choice, evidence, output, without_text=without_text)
    ledger.waiting = list(works_of(choice.tests, evidence))
    ledger.total = len(ledger.waiting)
    return ledger


def read_evidence(config: LedgerConfig, output: Path) -> Evidence:
    """Return what is recorded: beside the ledger, and where `--records` says."""
    if config.records is not None and not config.records.is_dir():
        message = f"there is no folder `{config.records}`"
        raise SynthError(message, "name one with records, or leave `--records` out")
    own = output / RECORDS
    return Evidence.read([config.records, own if own.is_dir() else None])


def is_recorded(evidence: Evidence, run: ArmRun) -> bool:
    """Whether a run is in the records already."""
    return evidence.find(run.experiment(), run.metrics) is not None


def works_of(tests: Sequence[ClaimTest], evidence: Evidence) -> Iterator[Work]:
    """Yield what tests need and nothing has yet, what several need once; what is timed comes last."""
    seen: set[str] = set()
    for test in tests:
        for teacher in test.teachers() if test.settings_hash not in evidence.measured else ():
            own = preset_hash(teacher.model_dump(mode="json"))
            if own not in seen:
                seen.add(own)
                yield TeacherWork(teacher)
    for test in tests:
        for run in test.runs():
            own = run_key(run)
            if own not in seen and not is_recorded(evidence, run):
                seen.add(own)
                yield run
    for is_timed in (False, True):
        for test in tests:
            measure = test.own_measure
            if measure is None or measure.is_timed != is_timed or test.settings_hash in evidence.measured:
                continue
            if test.settings_hash not in seen:
                seen.add(test.settings_hash)
                yield MeasureWork(test)


def run_key(run: ArmRun) -> str:
    """Return what two equal runs share."""
    experiment = run.experiment()
    settings = experiment.model_dump(mode="json")
    return preset_hash(settings) + experiment.evaluation.model_dump_json() + repr(run.metrics)


def run(ledger: Ledger, board: Board, jobs: int = 1) -> None:
    """Do what is missing, `jobs` works at a time: runs, then what is measured, then what is timed, alone."""
    refuse_unwritable(ledger.folder / "ledger.json", ELSEWHERE)
    refuse_unwritable_runs()
    ranks = dict(zip(map(id, ledger.waiting), _ranks(ledger.waiting), strict=True))
    works = ledger.waiting
    for rank in range(3):
        ledger.waiting = [one for one in works if ranks[id(one)] == rank]
        carry_out_all(ledger, board, max(1, min(jobs if rank < 2 else 1, len(ledger.waiting))))


def _ranks(works: Sequence[Work]) -> Iterator[int]:
    """Yield when each work is done: 0 for a training, 1 for what may need one, 2 for what is timed.

    Of two runs with one training and two evaluations the second needs the first.
    """
    trained: set[str] = set()
    for work in works:
        if isinstance(work, MeasureWork):
            measure = work.test.own_measure
            yield 2 if measure is not None and measure.is_timed else 1
        else:
            experiment = work.experiment() if isinstance(work, ArmRun) else work.experiment
            own = experiment.name + preset_hash(experiment.model_dump(mode="json"))
            yield int(own in trained)
            trained.add(own)


def write_measured(folder: Path, measured: Measured) -> None:
    """Write what was measured into a folder, which is made where it is not there."""
    path = folder / measured.file_name
    with writing(f"`{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        durable.write_text(path, json.dumps(measured.to_json(), ensure_ascii=False) + "\n")


def by_scale(config: LedgerConfig, named: Named) -> Mapping[Scale, ClaimTest]:
    """Return the tests of a claim at all scales."""
    found = {scale: find_test(named, scale, config.first_seed, config.data) for scale in SCALES}
    return {scale: test for scale, test in found.items() if test is not None}
