"""The ledger: claims tested at a scale; what is recorded is used, what is missing is trained or measured."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from synthcli import atomic_files
from synthcli.claims.diverged import DivergedRun
from synthcli.claims.files import Named, all_claims, find_claims
from synthcli.claims.measured import Measured
from synthcli.claims.schema import SCALES, Scale
from synthcli.compare.record import RunRecord
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.compare.compare import ELSEWHERE, KEPT, ArmRun, has_diverged, write_record
from synthcli.jobs.compare.records import describe_here
from synthcli.jobs.ledger.claim_budget import TestChoice, choose_tests
from synthcli.jobs.ledger.claim_tests import ClaimTest, find_test
from synthcli.jobs.ledger.evidence import RECORDS, Evidence, settings_key
from synthcli.jobs.ledger.works import LedgerWork, rank_works, works_of
from synthcli.jobs.parallel.carry_out import Board, carry_out_all
from synthcli.jobs.parallel.work import Failure
from synthcli.runs import refuse_unwritable_runs


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
        return [one for one in self._named if not one.is_control]

    @cached_property
    def controls(self) -> list[Named]:
        """Those of a file of one's own where it has some, else the library's."""
        own = [one for one in self._named if one.is_control]
        return own or [one for one in all_claims().values() if one.is_control]

    @cached_property
    def _named(self) -> list[Named]:
        return find_claims(self.ids, self.family)


@dataclass
class Ledger:
    """The works that tests need, and what they came to."""

    config: LedgerConfig
    choice: TestChoice
    evidence: Evidence
    folder: Path
    waiting: list[LedgerWork] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    without_text: list[ClaimTest] = field(default_factory=list)
    number_done: int = 0
    total: int = 0

    def end(self, work: LedgerWork, result: object) -> None:
        """Take what a work came to, and keep it at once; a training that diverged came to something too."""
        self.number_done += 1
        if isinstance(result, Failure) and isinstance(work, ArmRun) and has_diverged(result):
            result = describe_diverged(work, result)
        if isinstance(result, Failure):
            self.failures.append(result)
            return
        if isinstance(result, str):
            return
        assert isinstance(result, RunRecord | Measured | DivergedRun)
        self.evidence.add(result)
        if isinstance(result, RunRecord):
            write_record(self.folder / RECORDS, result)
        else:
            write_small(self.folder / RECORDS, result)

    def outcome_of(self, result: object) -> str:
        """Say what a work came to in a few words."""
        if isinstance(result, Failure):
            return f"failed: {result.message}"
        if isinstance(result, str):
            return result
        if isinstance(result, Measured):
            means = (f"{arm} {sum(values) / len(values):.4g}" for arm, values in result.values.items())
            return ", ".join(means)
        assert isinstance(result, RunRecord)
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
    asked = [one for one in found if one and (one.scale == scale or one.named.claim.is_exact)]
    without_text = [one for one in asked if not one.named.claim.is_exact and one.lacks_text]
    lacking = set(map(id, without_text))
    tests = [one for one in asked if id(one) not in lacking]
    choice = choose_tests(tests, config.budget, evidence)
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


def run(ledger: Ledger, board: Board, jobs: int = 1) -> None:
    """Do what is missing, `jobs` works at a time: runs, then what is measured, then what is timed, alone."""
    refuse_unwritable(ledger.folder / "ledger.json", ELSEWHERE)
    refuse_unwritable_runs()
    ranks = dict(zip(map(id, ledger.waiting), rank_works(ledger.waiting), strict=True))
    works = ledger.waiting
    for rank in range(3):
        ledger.waiting = [one for one in works if ranks[id(one)] == rank]
        carry_out_all(ledger, board, max(1, min(jobs if rank < 2 else 1, len(ledger.waiting))))


def describe_diverged(work: ArmRun, failure: Failure) -> DivergedRun:
    """Return the record of a training that ended since its loss was no longer finite."""
    experiment = work.experiment()
    scale, seed = str(experiment.scale), experiment.training.seed
    return DivergedRun(
        experiment.name, scale, settings_key(experiment), seed, failure.message, describe_here()
    )


def write_small(folder: Path, record: Measured | DivergedRun) -> None:
    """Write a record that is no finished run's into a folder, which is made where it is not there."""
    path = folder / record.file_name
    with guard_write(f"`{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.write_text(path, json.dumps(record.to_json(), ensure_ascii=False) + "\n")
