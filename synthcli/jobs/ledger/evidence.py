"""What a ledger rests on: records of runs and of measures, found by what they are of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthcli.claims import diverged, measured
from synthcli.claims.diverged import DivergedRun, read_diverged
from synthcli.claims.measured import Measured, read_measured
from synthcli.compare.record import RunRecord, read_record
from synthcli.jobs.compare.compare import ArmRun
from synthcli.jobs.compare.records import find_record, holds_run
from synthcli.jobs.ledger.claim_tests import ClaimTest
from synthcli.presets.schema import Experiment
from synthcli.runs.differences import preset_hash

RECORDS = "records"  # the folder, or one in it, that they lie in
MOST_SEEDS = 50


@dataclass
class Evidence:
    """Records of runs, of those that diverged, and of measures, found by what they are of."""

    records: dict[tuple[str, str, int], list[RunRecord]] = field(default_factory=dict)
    diverged: dict[tuple[str, str], DivergedRun] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)

    @classmethod
    def read(cls, folders: Sequence[Path | None]) -> "Evidence":
        """Return what the files in folders hold, in folders within them too."""
        found = cls()
        for path in (path for folder in folders if folder for path in sorted(folder.rglob("*.json"))):
            if path.name.startswith(measured.PREFIX):
                found.add(read_measured(path))
            elif path.name.startswith(diverged.PREFIX):
                found.add(read_diverged(path))
            elif RECORDS in {path.parent.name, path.parent.parent.name} and holds_run(path):
                found.add(read_record(path))
        return found

    def add(self, one: RunRecord | DivergedRun | Measured) -> None:
        if isinstance(one, Measured):
            self.measured[one.settings] = one
        elif isinstance(one, DivergedRun):
            self.diverged[one.preset, one.settings] = one
        else:
            self.records.setdefault((one.preset, one.scale, one.seed), []).append(one)

    def find(self, experiment: Experiment, metrics: Sequence[str]) -> RunRecord | None:
        """Return the record of exactly this experiment, evaluated so."""
        key = (experiment.name, experiment.scale, experiment.training.seed)
        return find_record(self.records.get(key, []), experiment, metrics)

    def has(self, run: ArmRun) -> bool:
        """Whether a run is recorded."""
        return self._find_any(run.experiment(), run.metrics) is not None

    def _find_any(self, experiment: Experiment, metrics: Sequence[str]) -> RunRecord | DivergedRun | None:
        return self.find(experiment, metrics) or self._find_diverged(experiment)

    def _find_diverged(self, experiment: Experiment) -> DivergedRun | None:
        if not self.diverged:
            return None
        return self.diverged.get((experiment.name, settings_key(experiment)))

    def of_test(self, test: ClaimTest) -> dict[str, dict[int, RunRecord | DivergedRun]]:
        """Return what became of each arm by seed: the test's seeds, and more where all arms have them."""
        found: dict[str, dict[int, RunRecord | DivergedRun]] = {arm: {} for arm in test.arms}
        if test.quantity is None:
            return found
        for seed in range(test.first_seed, test.first_seed + MOST_SEEDS):
            of_seed = dict(self._of_seed(test, seed))
            if seed >= test.first_seed + test.setup.seeds and len(of_seed) < len(test.arms):
                break
            for arm, record in of_seed.items():
                found[arm][seed] = record
        return found

    def _of_seed(self, test: ClaimTest, seed: int) -> Iterator[tuple[str, RunRecord | DivergedRun]]:
        assert test.quantity is not None
        for name, arm in test.arms.items():
            experiment = arm.experiment(test.scale, test.setup.settings, test.seed_of(arm, seed))
            record = self._find_any(experiment, (test.quantity.metric,))
            if record is not None:
                yield name, record


def settings_key(experiment: Experiment) -> str:
    """Return a hash of everything that reaches the weights, but where the corpus lies."""
    return preset_hash(experiment.model_dump(mode="json"))
