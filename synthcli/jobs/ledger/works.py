"""The works of a ledger: trainings, what is measured beside them, and in which order they are done."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthcli.claims.measured import Measured
from synthcli.jobs.compare.compare import ArmRun
from synthcli.jobs.compare.records import describe_here
from synthcli.jobs.ledger.claim_tests import ClaimTest
from synthcli.jobs.ledger.evidence import Evidence
from synthcli.jobs.parallel.work import Listener, observer_of
from synthcli.jobs.reproduce.rows import finish_run
from synthcli.presets.schema import Experiment
from synthcli.runs.differences import preset_hash


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
        values = measure.take(self.test.experiments(), observer_of(listener))
        return Measured(
            measure.word,
            self.test.scale,
            self.test.settings_hash,
            tuple(self.test.seeds),
            {arm: tuple(of_arm) for arm, of_arm in values.items()},
            describe_here(),
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
        return finish_run(self.experiment, observer_of(listener)).id


LedgerWork = ArmRun | MeasureWork | TeacherWork


def works_of(tests: Sequence[ClaimTest], evidence: Evidence) -> Iterator[LedgerWork]:
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
            own = _run_key(run)
            if own not in seen and not evidence.has(run):
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


def _run_key(run: ArmRun) -> str:
    """Return what two equal runs share."""
    experiment = run.experiment()
    settings = experiment.model_dump(mode="json")
    return preset_hash(settings) + experiment.evaluation.model_dump_json() + repr(run.metrics)


def rank_works(works: Sequence[LedgerWork]) -> Iterator[int]:
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
