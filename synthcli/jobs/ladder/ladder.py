"""Arms over a ladder: every rung is a comparison of its own, and the last one is the report's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from synthcli.compare.record import RunRecord
from synthcli.errors import SynthError
from synthcli.evaluation.measure import METRICS
from synthcli.jobs.compare.arms import Arm, Rung
from synthcli.jobs.compare.compare import ArmComparison, ArmRun, prepare
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.report_types import CompareReport
from synthcli.jobs.ladder.report import ladder_of
from synthcli.jobs.ladder.rungs import STEPS, LadderField
from synthcli.presets.planning import plan_training

LOSSES = ("loss", "bits_per_byte")


@dataclass
class LadderComparison(ArmComparison):
    """The last rung, whose `waiting` holds the runs of all; a seed of every arm and rung before the next."""

    rungs: dict[str, ArmComparison] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(rung.total for rung in self.rungs.values())

    @property
    def number_done(self) -> int:
        return sum(rung.number_done for rung in self.rungs.values())

    def end(self, work: ArmRun, result: object) -> None:
        assert work.arm.rung is not None
        self.rungs[work.arm.rung.name].end(work, result)

    def all_records(self) -> Iterator[RunRecord]:
        return chain.from_iterable(rung.all_records() for rung in self.rungs.values())

    def parts(self) -> Mapping[str, ArmComparison]:
        return self.rungs

    def extend(self, report: CompareReport) -> None:
        report["ladder"] = ladder_of(self.config, self.rungs)


def prepare_ladder(config: CompareConfig) -> LadderComparison:
    """Return a comparison of all rungs: which of its runs are recorded, and which are still to be made."""
    rungs = {name: prepare(at_rung) for name, at_rung in check_ladder(config).items()}
    waiting = [
        run
        for seed in config.seeds_in_turn()
        for rung in rungs.values()
        for run in rung.waiting
        if run.pair == seed
    ]
    *_, last = rungs.values()
    return LadderComparison(last.config, waiting, last.records, last.failures, rungs=rungs)


def check_ladder(config: CompareConfig) -> dict[str, CompareConfig]:
    """Return the comparison of each rung; raise for what cannot be a ladder, before anything is trained."""
    ladder = config.ladder
    assert ladder is not None
    _refuse_unfit(config, ladder)
    rungs = {ladder.rung(value): config_at(config, ladder, value) for value in ladder.values}
    _refuse_equal_costs(ladder, list(rungs.values()))
    return rungs


def config_at(config: CompareConfig, ladder: LadderField, value: str) -> CompareConfig:
    """Return the comparison at one rung; what a preset refuses there is said with the rung."""
    try:
        arms = tuple(_arm_at(config, arm, ladder, value) for arm in config.arms)
        at_rung = replace(config, arms=arms)
        assert at_rung.experiments
    except SynthError as error:
        raise SynthError(f"rung `{ladder.rung(value)}`: {error.message}", error.hint) from error
    return at_rung


def _arm_at(config: CompareConfig, arm: Arm, ladder: LadderField, value: str) -> Arm:
    """Return an arm at a rung; steps are those of the baseline, where `--equal` says in which proportion."""
    experiment, baseline = (
        one.experiment(config.scale, config.overrides, None) for one in (arm, config.arms[0])
    )
    if ladder.name == STEPS and set(config.equal) - {"parameters"}:
        own, other = plan_training(experiment).steps, plan_training(baseline).steps
        value = str(max(1, round(int(value) * own / other))) if own and other else value
    return replace(arm, rung=Rung(ladder.rung(value), ladder.settings(experiment, value)))


def _refuse_unfit(config: CompareConfig, ladder: LadderField) -> None:
    """Raise for arms, metrics and other rules that a ladder has no meaning for."""
    if len(config.arms) < 2:
        raise SynthError("a noise floor is of one length and size", "leave `--ladder` out")
    if config.arms[0].run is not None:
        message = f"a ladder trains presets, and `{config.arms[0].name}` is a run"
        raise SynthError(message, "name the presets of these runs")
    if config.equal and ladder.name != STEPS:
        message = f"`--equal` is of one size of each arm, and `--ladder {ladder.name}=…` changes it"
        raise SynthError(message, "leave `--equal` out, or climb `--ladder steps=…`")
    if config.quantity.figure not in LOSSES:
        message = f"a ladder is of a loss, and `{config.quantity.word}` is none"
        raise SynthError(message, _loss_hint(config))


def _loss_hint(config: CompareConfig) -> str:
    if all(one.model.task in METRICS["perplexity"] for one in config.experiments):
        return "`--metric perplexity` or `--metric bits-per-byte`, first of several"
    return "climb with models that have a perplexity"


def _refuse_equal_costs(ladder: LadderField, rungs: list[CompareConfig]) -> None:
    """Raise where every rung of an arm takes the same compute: nothing is a function of it then."""
    for place, arm in enumerate(rungs[0].arms):
        costs = {plan_training(rung.experiments[place]).flops for rung in rungs}
        if len(costs) == 1 and None not in costs:
            message = f"every rung of `{ladder.name}` takes arm `{arm.name}` the same compute"
            raise SynthError(message, "climb what changes it: `--ladder steps=…`, or a size of the model")
