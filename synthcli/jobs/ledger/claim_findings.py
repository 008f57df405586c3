"""From records of runs, and from what was measured, to what is found for each claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from synthcli.claims.diverged import DivergedRun, DivergenceFinding
from synthcli.claims.measured import Measured
from synthcli.claims.order import Relation
from synthcli.claims.schema import CountClaim, OrderingClaim, RatioClaim, TrajectoryClaim, ValueClaim
from synthcli.claims.verdict import ClaimVerdict, Finding, RelationFinding
from synthcli.compare.contrasts import pair_arms, value_of
from synthcli.compare.record import RunRecord
from synthcli.compare.spread import Spread
from synthcli.jobs.compare.noise import find_floor
from synthcli.jobs.ledger.claim_tests import ClaimTest
from synthcli.model_config.model import ModelConfig
from synthcli.presets import plan_training
from synthcli.presets.schema import Experiment
from synthcli.presets.sizes import measure_model

PRINTED = "as printed"
OF_A_PROCESS = 0.05  # deviation of a ratio of times from one process to the next (docs/claims.md)


@dataclass(frozen=True)
class ClaimOutcome:
    """What there is for a test: findings to be ruled on, and the figures of each arm by seed."""

    findings: tuple[Finding, ...]
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    runs: tuple[RunRecord, ...] = ()
    measured: Measured | None = None


Records = Mapping[str, Mapping[int, RunRecord | DivergedRun]]
Finished = dict[str, dict[int, RunRecord]]


def find_of_runs(test: ClaimTest, records: Records) -> ClaimOutcome | None:
    """Return what the records of a test come to; None where an arm has fewer than two seeds."""
    quantity = test.quantity
    if quantity is None or any(len(records.get(arm, {})) < 2 for arm in test.arms):
        return None
    ended: Finished = {
        arm: {seed: one for seed, one in records[arm].items() if isinstance(one, RunRecord)}
        for arm in test.arms
    }
    figures = {
        arm: {str(seed): value_of(record, quantity) for seed, record in of_arm.items()}
        for arm, of_arm in ended.items()
    }
    runs = tuple(record for of_arm in ended.values() for record in of_arm.values())
    findings = (_name_runs(one, records) for one in _findings_of_runs(test, records, ended))
    return ClaimOutcome(tuple(findings), figures, runs)


def _name_runs(finding: Finding, records: Records) -> Finding:
    """Return a finding with the runs that it is of: those of its two arms, or of all where it names none."""
    of_arms = [records[arm] for arm in (finding.relation.first, finding.relation.second) if arm in records]
    found = (one for of_arm in of_arms or records.values() for one in of_arm.values())
    names = frozenset(one.run if isinstance(one, RunRecord) else one.settings for one in found)
    return replace(finding, runs=names)


def _findings_of_runs(test: ClaimTest, records: Records, ended: Finished) -> Iterator[Finding]:
    claim, quantity = test.named.claim, test.quantity
    assert quantity is not None
    if isinstance(claim, ValueClaim):
        arm = next(iter(test.arms))
        if len(ended[arm]) == len(records[arm]):
            yield _against_print(claim, [value_of(one, quantity) for one in ended[arm].values()])
        else:  # a figure was printed of so many runs that ended
            relation = Relation(arm, "equivalent", PRINTED)
            yield DivergenceFinding(relation, _count_diverged(records[arm]), (0, claim.printed_seeds or 1))
        return
    assert isinstance(claim, OrderingClaim)
    for relation in claim.relations:
        pair = {arm: ended[arm] for arm in (relation.second, relation.first)}
        if any(len(pair[arm]) < len(records[arm]) for arm in pair):
            yield _find_diverged(relation, records)
        else:
            yield _compare(test, claim, relation, pair)


def _compare(test: ClaimTest, claim: OrderingClaim, relation: Relation, pair: Finished) -> RelationFinding:
    """Return what the pairs of seeds of two arms say of a relation."""
    quantity = test.quantity
    assert quantity is not None
    baseline = test.arms[relation.second].experiment(test.scale, test.setup.settings, None)
    (paired,) = pair_arms(pair, quantity, quantity.margin, find_floor(baseline, quantity))
    sign = 1 if paired.contrast.higher_is_better else -1
    spread = replace(paired.contrast.spread, difference=sign * paired.contrast.spread.difference)
    return RelationFinding(relation, spread, _limit(claim, relation), quantity.unit)


def _find_diverged(relation: Relation, records: Records) -> DivergenceFinding:
    """Return how many seeds of both arms diverged."""
    first, second = (_count_diverged(records[arm]) for arm in (relation.first, relation.second))
    return DivergenceFinding(relation, first, second)


def _count_diverged(of_arm: Mapping[int, RunRecord | DivergedRun]) -> tuple[int, int]:
    return sum(isinstance(one, DivergedRun) for one in of_arm.values()), len(of_arm)


def find_of_measured(test: ClaimTest, measured: Measured) -> ClaimOutcome:
    """Return what measured values come to."""
    values = {arm: np.array(measured.values[arm]) for arm in test.arms}
    measure = test.own_measure
    is_positive = all((of_arm > 0).all() for of_arm in values.values())
    by_factor = measure is not None and measure.by_factor and is_positive
    compared = {arm: np.log(of_arm) if by_factor else of_arm for arm, of_arm in values.items()}
    figures = {
        arm: {str(number): float(value) for number, value in enumerate(of_arm)}
        for arm, of_arm in values.items()
    }
    runs = frozenset({measured.settings})
    findings = (replace(one, runs=runs) for one in _findings_of_values(test, compared))
    return ClaimOutcome(tuple(findings), figures, (), measured)


def _findings_of_values(test: ClaimTest, values: Mapping[str, "np.ndarray"]) -> Sequence[RelationFinding]:
    claim, measure = test.named.claim, test.own_measure
    assert measure is not None
    own = OF_A_PROCESS if measure.is_timed else 0.0
    sign = 1 if measure.higher_is_better else -1
    if isinstance(claim, OrderingClaim):
        return [
            RelationFinding(
                relation,
                _spread(
                    sign * (values[relation.first] - values[relation.second]),
                    own * float(values[relation.second].mean()),
                ),
                _limit(claim, relation),
                measure.unit,
            )
            for relation in claim.relations
        ]
    arms = list(test.arms)
    if isinstance(claim, RatioClaim):
        return [_ratio(claim, arms, values[arms[0]] / values[arms[1]], test.scale, own)]
    assert isinstance(claim, TrajectoryClaim)
    if claim.ends_below is not None:
        relation = Relation(f"{claim.ends_below:g}", "better", arms[0])
        return [RelationFinding(relation, _spread(claim.ends_below - values[arms[0]]), 0.0, measure.unit)]
    relation = Relation(arms[0], "better", f"{claim.ends_above:g}")
    return [
        RelationFinding(relation, _spread(values[arms[0]] - (claim.ends_above or 0.0)), 0.0, measure.unit)
    ]


def _ratio(
    claim: RatioClaim, arms: list[str], ratios: "np.ndarray", scale: str, own: float
) -> RelationFinding:
    """Return a finding on a ratio: within its interval at the scale of the paper, else on its side of 1.

    `own` is the deviation of the ratio from one process to the next, which rounds of one do not show.
    """
    if scale == "paper" or claim.low < 1 < claim.high:
        middle, half = (claim.low + claim.high) / 2, (claim.high - claim.low) / 2
        relation = Relation(f"{arms[0]}/{arms[1]}", "equivalent", f"{middle:g}")
        return RelationFinding(relation, _spread(ratios - middle, own), half, "of the ratio")
    if claim.low >= 1:
        return RelationFinding(
            Relation(f"{arms[0]}/{arms[1]}", "better", "1"), _spread(ratios - 1, own), 0.0, "of the ratio"
        )
    return RelationFinding(
        Relation("1", "better", f"{arms[0]}/{arms[1]}"), _spread(1 - ratios, own), 0.0, "of the ratio"
    )


def _against_print(claim: ValueClaim, values: list[float]) -> RelationFinding:
    """Return a finding on a printed value: ours lies within its spread, or what is too small to matter."""
    limit = claim.spread or 0.01 * abs(claim.value)
    relation = Relation("ours", "equivalent", f"{claim.value:g} {PRINTED}")
    return RelationFinding(relation, _spread(np.array(values) - claim.value), limit, claim.measure)


def _limit(claim: OrderingClaim, relation: Relation) -> float:
    return claim.by if relation.word == "better" else claim.margin or 0.0


def _spread(differences: "np.ndarray", other: float = 0.0) -> Spread:
    """Return the spread of values that have no samples; `other` is a deviation that all of them share."""
    count = len(differences)
    error = float(np.std(differences, ddof=1)) / count**0.5 if count > 1 else None
    return Spread(float(differences.mean()), count, error, count - 1, other, other)


def count_exactly(test: ClaimTest) -> ClaimVerdict:
    """Return the verdict on a number that follows from presets: counted, not measured."""
    claim = test.named.claim
    experiments = {
        name: arm.experiment("paper", test.setup.settings, None) for name, arm in test.arms.items()
    }
    counts = [_count(one, claim.measure, getattr(claim, "vocab_size", None)) for one in experiments.values()]
    figures: dict[str, object] = dict(zip(experiments, counts, strict=True))
    if isinstance(claim, CountClaim):
        ours = counts[0] - sum(counts[1:])
        holds = abs(ours - claim.value) <= claim.within
        said = f"{ours:,.0f}; printed {claim.printed or format(claim.value, ',.0f')}"
    else:
        assert isinstance(claim, RatioClaim)
        ratio = counts[0] / counts[1]
        holds, said = (
            claim.low <= ratio <= claim.high,
            f"{ratio:.4f}, claimed {claim.low:g} to {claim.high:g}",
        )
    if not holds and claim.differs:
        return ClaimVerdict("not comparable", "paper", f"ours {said}: {claim.differs}", figures=figures)
    return ClaimVerdict("reproduced" if holds else "contradicted", "paper", f"ours {said}", figures=figures)


def _count(experiment: Experiment, measure: str, vocab_size: int | None) -> float:
    if measure == "steps":
        return float(plan_training(experiment).steps or 0)
    model: ModelConfig = experiment.model
    if vocab_size is not None:
        model = model.model_copy(update={"vocab_size": vocab_size})
    size = measure_model(model.model_dump_json())
    return float(size.trainable if measure == "trainable" else size.total)
