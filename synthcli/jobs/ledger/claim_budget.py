"""Which claims a budget is spent on: those that are decided most surely per hour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from synthcli.claims.schema import OrderingClaim
from synthcli.compare.power import equivalence_power, power_of
from synthcli.errors import SynthError
from synthcli.jobs.ledger.claim_tests import ClaimTest
from synthcli.jobs.ledger.evidence import Evidence

UNITS = {"m": 1 / 60, "h": 1.0}
UNKNOWN = 0.5  # the power of a test of which nobody knows how far it varies


@dataclass(frozen=True)
class TestChoice:
    """The tests that are chosen, those that are left, and about how many hours the chosen ones take."""

    tests: list[ClaimTest]
    left: list[ClaimTest]
    hours: float


def choose_tests(tests: Sequence[ClaimTest], budget: float | None, evidence: Evidence) -> TestChoice:
    """Return the tests of most power an hour that fit into `budget` hours; controls are always among them."""
    costs = {id(test): cost_of_missing(test, evidence) for test in tests}
    if budget is None:
        return TestChoice(list(tests), [], sum(costs.values()))
    always = [test for test in tests if test.named.is_control or not costs[id(test)]]
    spent, left, chosen = sum(costs[id(test)] for test in always), [], set(map(id, always))
    others = [test for test in tests if id(test) not in chosen]
    for test in sorted(others, key=lambda test: -power(test) / costs[id(test)]):
        if spent + costs[id(test)] <= budget:
            spent += costs[id(test)]
            chosen.add(id(test))
        else:
            left.append(test)
    return TestChoice([test for test in tests if id(test) in chosen], left, spent)


def cost_of_missing(test: ClaimTest, evidence: Evidence) -> float:
    """Return about how many hours a test takes, but for what is recorded."""
    if test.quantity is not None:
        runs = list(test.runs())
        return test.cost * sum(not evidence.has(run) for run in runs) / len(runs) if runs else 0.0
    if test.own_measure is None or test.settings_hash in evidence.measured:
        return 0.0
    return test.cost


def power(test: ClaimTest) -> float:
    """Return how likely a test decides, were the difference what was expected."""
    setup, claim = test.setup, test.named.claim
    if setup.effect is None or setup.sigma is None or not isinstance(claim, OrderingClaim):
        return UNKNOWN
    if claim.margin is not None:
        return float(equivalence_power(setup.effect, claim.margin, setup.sigma, setup.seeds, 0.0))
    return float(power_of(setup.effect - claim.by, setup.sigma, setup.seeds, 0.0))


def parse_budget(text: str) -> float:
    """Return the hours of `10m` or `8h`."""
    number, unit = text[:-1], text[-1:]
    try:
        hours = float(number) * UNITS[unit]
    except (ValueError, KeyError):
        hours = math.nan
    if not 0 < hours < math.inf:
        raise SynthError(f"`--budget {text}` is no time", "say `--budget 10m` or `--budget 8h`")
    return hours
