"""The tests of claims at a scale: which arms, which settings, what is to be run, and what it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthcli.claims.files import Named
from synthcli.claims.schema import Scale, Setup
from synthcli.compare.figures import QUANTITIES, Quantity
from synthcli.data.corpora import find_corpus
from synthcli.jobs.compare.arms import Arm, parse_arm
from synthcli.jobs.compare.compare import ArmRun
from synthcli.jobs.ledger.measures import MEASURES, Measure
from synthcli.jobs.ledger.student_measures import teacher_of
from synthcli.jobs.reproduce.rows import find_folder, source_settings
from synthcli.presets import plan_training
from synthcli.presets.schema import Experiment
from synthcli.runs.differences import preset_hash

CORE, GPU = 2e10, 1e14  # FLOPs a second that are taken of a processor's core, and of a GPU


@dataclass(frozen=True)
class ClaimTest:
    """A claim at a scale; seeds are counted from `first_seed`, corpora lie in the folder `data`."""

    named: Named
    scale: Scale
    setup: Setup
    first_seed: int = 0
    data: Path | None = None

    @property
    def measure(self) -> str:
        return self.named.claim.measure

    @property
    def quantity(self) -> Quantity | None:
        """The figure of an evaluation that decides; None where something else is measured."""
        return QUANTITIES.get(self.measure)

    @property
    def own_measure(self) -> Measure | None:
        return MEASURES.get(self.measure)

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The arms that the claim speaks of, by name."""
        words = {**self.named.claim.arms, **self.setup.arms}
        return {name: parse_arm(f"{name}={word}") for name, word in words.items()}

    @property
    def seeds(self) -> list[int]:
        return [self.first_seed + number for number in range(self.setup.seeds)]

    def seed_of(self, arm: Arm, seed: int) -> int:
        """Return the seed of an arm's run that stands beside one; an arm may have seeds of its own."""
        if not arm.has_own_seeds:
            return seed
        own = arm.experiment(self.scale, self.setup.settings, None).training.seed
        return own + seed

    @cached_property
    def corpora(self) -> dict[str, str]:
        """The corpus of each arm."""
        return {
            name: arm.experiment(self.scale, self.setup.settings, None).data.corpus
            for name, arm in self.arms.items()
        }

    def settings_of(self, arm: Arm) -> tuple[str, ...]:
        """Return the settings of all arms, with where the corpus of this one lies."""
        return (*self.setup.settings, *source_settings(self.corpora[arm.name], self.data))

    @property
    def lacks_text(self) -> bool:
        """Whether `data` holds no folder for the corpus of an arm."""
        data = self.data
        return data is not None and any(
            not find_corpus(corpus).builtin and find_folder(data, corpus) is None
            for corpus in self.corpora.values()
        )

    def teachers(self) -> Iterator[Experiment]:
        """Yield the trainings of the teachers whose students are measured."""
        if self.own_measure is not None and self.own_measure.has_teacher:
            for experiments in self.experiments().values():
                yield from map(teacher_of, experiments)

    def runs(self) -> Iterator[ArmRun]:
        """Yield the trainings that an evaluated figure needs, a seed of every arm before the next seed."""
        if self.quantity is None:
            return
        for seed in self.seeds:
            for arm in self.arms.values():
                settings, metrics = self.settings_of(arm), (self.quantity.metric,)
                yield ArmRun(arm, seed, self.seed_of(arm, seed), self.scale, settings, metrics)

    def experiments(self) -> dict[str, list[Experiment]]:
        """Return the experiments of each arm, a seed each."""
        return {
            name: [
                arm.experiment(self.scale, self.settings_of(arm), self.seed_of(arm, seed))
                for seed in self.seeds
            ]
            for name, arm in self.arms.items()
        }

    @cached_property
    def settings_hash(self) -> str:
        """A hash of everything that reaches what is measured, but where corpora lie."""
        hashes = {
            name: [preset_hash(one.model_dump(mode="json")) for one in experiments]
            for name, experiments in self.experiments().items()
        }
        return preset_hash({"measure": self.measure, "arms": hashes})

    @cached_property
    def cost(self) -> float:
        """About how many hours it takes, of a core, or at the scales day and paper of a GPU."""
        count = self.setup.seeds * len(self.arms)
        if self.setup.minutes is not None:
            return self.setup.minutes * count / 60
        if self.own_measure is not None and self.own_measure.is_quick:
            return 0.01
        rate = GPU if self.scale in ("day", "paper") else CORE
        flops = [
            plan_training(arm.experiment(self.scale, self.setup.settings, None)).flops
            for arm in self.arms.values()
        ]
        return sum(one or 0.0 for one in flops) * self.setup.seeds / rate / 3600


def find_test(named: Named, scale: Scale, first_seed: int, data: Path | None) -> ClaimTest | None:
    """Return the test of a claim at a scale; None where there is none.

    What is exact is tested at the scale of the paper alone, and needs no text; and every claim can be tried
    there, if it names arms, and what is measured is something that we can measure.
    """
    claim = named.claim
    if scale in claim.cannot or (claim.is_exact and scale != "paper"):
        return None
    setup = claim.at.get(scale)
    if setup is None and (scale != "paper" or not is_measurable(named)):
        return None
    return ClaimTest(named, scale, setup or Setup(), first_seed, None if claim.is_exact else data)


def is_measurable(named: Named) -> bool:
    """Whether a claim names arms, and a measure that we have."""
    claim = named.claim
    return claim.is_counted or bool(claim.arms and claim.measure in {*QUANTITIES, *MEASURES})


def reason_against(named: Named, scale: Scale) -> str:
    """Return why a claim is not tested at a scale."""
    claim = named.claim
    if scale == "paper" and scale not in claim.cannot:
        if not claim.arms:
            return "what it speaks of is no preset of ours"
        return f"nothing of ours measures `{claim.measure}`"
    return claim.reason_against(scale)


def group_by_family(tests: list[ClaimTest]) -> Mapping[str, list[ClaimTest]]:
    """Return tests by family of claims: p-values of one are adjusted together."""
    found: dict[str, list[ClaimTest]] = {}
    for test in tests:
        found.setdefault(test.named.family, []).append(test)
    return found
