"""The verdicts of a ledger: every claim at every scale for which there are records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from synthcli.claims.files import Named
from synthcli.claims.schema import SCALES, Scale, ValueClaim, largest
from synthcli.claims.verdict import ClaimVerdict, Ruling, conclude, rule
from synthcli.jobs.ledger.claim_findings import ClaimOutcome, count_exactly, find_of_measured, find_of_runs
from synthcli.jobs.ledger.claim_tests import ClaimTest, find_test, group_by_family, reason_against
from synthcli.jobs.ledger.evidence import Evidence
from synthcli.jobs.ledger.ledger import LedgerConfig


@dataclass(frozen=True)
class LedgerEntry:
    """A claim in the ledger: its verdict at each scale that it was tested at, and what else would cost."""

    named: Named
    verdicts: Mapping[Scale, ClaimVerdict]
    found: Mapping[Scale, ClaimOutcome]
    hours: Mapping[Scale, float]

    @property
    def verdict(self) -> ClaimVerdict:
        """The verdict at the largest scale; *not run* where there is none, with why, and what it costs."""
        if self.verdicts:
            return self.verdicts[largest(self.verdicts)]
        return ClaimVerdict("not run", "", self.why_not_run())

    def why_not_run(self) -> str:
        """Say at which scales it can be tested and for how many hours, or why at none."""
        if self.hours:
            return "; ".join(
                f"{scale}: about {words_of_hours(hours, scale)}" for scale, hours in self.hours.items()
            )
        return reason_against(self.named, "paper")


def words_of_hours(hours: float, scale: Scale | None) -> str:
    """Return a number of hours of a core, or of a GPU."""
    what = "GPU-hours" if scale in ("day", "paper") else "core-hours"
    number = f"{hours:.2g}" if hours < 100 else f"{hours:,.0f}"
    return f"{number} {what}" if hours else f"no {what} that could be estimated"


def make_entries(config: LedgerConfig, evidence: Evidence) -> list[LedgerEntry]:
    """Return the entry of every claim that was asked for, and of the controls."""
    tests = {one.id: _tests_by_scale(config, one) for one in (*config.claims, *config.controls)}
    found = {own: dict(_find_outcomes(of_claim, evidence)) for own, of_claim in tests.items()}
    rulings = _rule_families(tests, found)
    return [
        LedgerEntry(
            one,
            dict(_verdicts(one, tests[one.id], found[one.id], rulings)),
            found[one.id],
            {scale: test.cost for scale, test in tests[one.id].items() if scale not in found[one.id]},
        )
        for one in (*config.claims, *config.controls)
    ]


def _tests_by_scale(config: LedgerConfig, named: Named) -> Mapping[Scale, ClaimTest]:
    """Return the tests of a claim at all scales."""
    found = {scale: find_test(named, scale, config.first_seed, config.data) for scale in SCALES}
    return {scale: test for scale, test in found.items() if test is not None}


def _find_outcomes(
    tests: Mapping[Scale, ClaimTest], evidence: Evidence
) -> Iterator[tuple[Scale, ClaimOutcome]]:
    """Yield what there is for the tests of a claim."""
    for scale, test in tests.items():
        if test.own_measure is not None:
            if (measured := evidence.measured.get(test.settings_hash)) is not None:
                yield scale, find_of_measured(test, measured)
        elif (found := find_of_runs(test, evidence.of_test(test))) is not None:
            yield scale, found


Rulings = Mapping[tuple[str, Scale], list[Ruling]]


def _rule_families(
    tests: Mapping[str, Mapping[Scale, ClaimTest]], found: Mapping[str, Mapping[Scale, ClaimOutcome]]
) -> Rulings:
    """Return the rulings of every test: all relations of a family at one scale are ruled on together."""
    rulings: dict[tuple[str, Scale], list[Ruling]] = {}
    for scale in SCALES:
        there = [of_claim[scale] for own, of_claim in tests.items() if scale in found[own]]
        for of_family in group_by_family(there).values():
            findings = [one for test in of_family for one in found[test.named.id][scale].findings]
            ruled = iter(rule(findings))
            for test in of_family:
                count = len(found[test.named.id][scale].findings)
                rulings[test.named.id, scale] = [next(ruled) for _ in range(count)]
    return rulings


def _verdicts(
    named: Named, tests: Mapping[Scale, ClaimTest], found: Mapping[Scale, ClaimOutcome], rulings: Rulings
) -> Iterator[tuple[Scale, ClaimVerdict]]:
    """Yield the verdict of a claim at each scale for which there is something."""
    claim = named.claim
    for scale, test in tests.items():
        if claim.is_counted:
            yield scale, count_exactly(test)
        elif scale in found:
            ruled = rulings[named.id, scale]
            if isinstance(claim, ValueClaim) and claim.differs:
                yield scale, ClaimVerdict("not comparable", scale, claim.differs, tuple(ruled))
            else:
                yield scale, conclude(ruled, scale)


def controls_that_failed(entries: list[LedgerEntry]) -> list[str]:
    """Return a line for each control that did not come out as it has to, at each scale."""
    lines = []
    for entry in (one for one in entries if one.named.is_control):
        for verdict in entry.verdicts.values():
            if entry.named.claim.kind == "equivalence":
                if verdict.word == "contradicted":
                    lines.append(f"`{entry.named.id}`: equal arms were told apart at {verdict.scale}")
            elif verdict.word != "contradicted":
                lines.append(f"`{entry.named.id}`: a planted false claim came out as *{verdict}*")
    return lines
