"""The verdict of a claim, by rule, with the scale in it.

reproduced       what is exact, or of the published run itself, is as printed
direction holds  below the published scale no more can be said
undecided        the smallest difference that these seeds resolve is said, and how many seeds would decide
contradicted     the other way round, or outside of what was claimed
not comparable   our figure is of another protocol
not run          what it would cost is said

A relation *a better than b by δ* holds where a − b > δ, and is contradicted where a − b < δ; *a equivalent
to b within m* holds where |a − b| < m, and is contradicted where it is more: two-sided p-values of the first
two, two one-sided tests for the third, adjusted by Holm's rule over all relations of a family of claims at a
scale, p < 0.05. A claim holds where all of its relations do, and is contradicted where one is. From one seed
nothing is concluded. Where seeds diverged, their number decides (diverged.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from synthcli.claims.diverged import DivergenceFinding
from synthcli.claims.order import Relation
from synthcli.claims.tables import RelationTable
from synthcli.compare.power import pairs_to_decide, smallest_difference
from synthcli.compare.spread import LEVEL, Spread
from synthcli.compare.verdict import holm

Word = Literal["reproduced", "direction holds", "undecided", "contradicted", "not comparable", "not run"]
STRONGEST = "paper"


@dataclass(frozen=True)
class RelationFinding:
    """What was measured for one relation; `difference` is the first arm's less the second's, more is better.

    `limit` is what it has to be more than (better), or its size less than (equivalent). `runs` names what
    was measured.
    """

    relation: Relation
    spread: Spread
    limit: float
    unit: str
    runs: frozenset[str] = frozenset()

    @property
    def p_holds(self) -> float:
        """The p-value against *the relation does not hold*."""
        if self.spread.seeds is None:
            return 1.0
        if self.relation.word == "equivalent":
            return self.spread.equivalence_p(self.limit)
        return self._p_beyond(self.spread.difference - self.limit)

    @property
    def p_against(self) -> float:
        """The p-value against *the relation is not contradicted*."""
        if self.spread.seeds is None:
            return 1.0
        if self.relation.word == "equivalent":
            return self._p_beyond(abs(self.spread.difference) - self.limit)
        return self._p_beyond(self.limit - self.spread.difference)

    def _p_beyond(self, distance: float) -> float:
        """Return the two-sided p-value of a distance to the side that is asked about; 1 on the other side."""
        return 1.0 if distance <= 0 else min(1.0, 2 * self.spread.error.upper_tail(distance))

    @property
    def resolves(self) -> float | None:
        """The smallest difference that as many seeds find with 80 % power."""
        spread = self.spread
        if spread.seeds is None:
            return None
        return smallest_difference(spread.seeds * spread.count**0.5, max(2, spread.count), spread.rest)

    @property
    def more_seeds(self) -> int | None:
        """How many more seeds would decide, were the difference what it seems; None where no number would."""
        spread = self.spread
        if spread.seeds is None:
            return None
        margin = self.limit if self.relation.word == "equivalent" else 0.0
        distance = spread.difference if self.relation.word == "equivalent" else spread.difference - self.limit
        needed = pairs_to_decide(distance, spread.seeds * spread.count**0.5, spread.rest, margin)
        return None if needed is None else max(1, needed - spread.count)

    def explain_open(self) -> str:
        """Say what these seeds can resolve, and how many more are needed."""
        if self.resolves is None:
            return f"`{self.relation}`: one seed says nothing of others"
        more = self.more_seeds
        then = (
            "no number of seeds would"
            if more is None
            else f"about {more} more seed{'s' * (more > 1)} would decide"
        )
        return f"`{self.relation}`: these seeds resolve {self.resolves:.3g} {self.unit}; {then}"

    def to_table(self) -> RelationTable:
        """Return what the ledger says of it."""
        return {
            "relation": str(self.relation),
            "difference": self.spread.difference,
            "interval": list(self.spread.interval()) if self.spread.seeds is not None else None,
            "limit": self.limit,
            "unit": self.unit,
            "seeds": self.spread.count,
            "resolves": self.resolves,
            "more_seeds": self.more_seeds,
        }


Finding = RelationFinding | DivergenceFinding


@dataclass(frozen=True)
class Ruling:
    """A relation beside what was concluded; p-values are adjusted over the family."""

    finding: Finding
    word: Literal["holds", "undecided", "contradicted"]
    p_holds: float
    p_against: float


@dataclass(frozen=True)
class ClaimVerdict:
    """The word for a claim at a scale, why, and what it rests on."""

    word: Word
    scale: str
    why: str = ""
    rulings: tuple[Ruling, ...] = ()
    figures: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.word in ("direction holds", "contradicted", "undecided"):
            return f"{self.word} at {self.scale}"
        return self.word


def rule(findings: Sequence[Finding]) -> list[Ruling]:
    """Return what is concluded of each relation of a family of claims at one scale.

    What several claims say alike of the same runs is one hypothesis, and is adjusted for once.
    """
    distinct = list(dict.fromkeys(findings))
    holds, against = holm([one.p_holds for one in distinct]), holm([one.p_against for one in distinct])
    ruled = {one[0]: _rule_one(*one) for one in zip(distinct, holds, against, strict=True)}
    return [ruled[finding] for finding in findings]


def _rule_one(finding: Finding, p_holds: float, p_against: float) -> Ruling:
    error = 1 - LEVEL
    word: Literal["holds", "undecided", "contradicted"] = (
        "holds" if p_holds < error else "contradicted" if p_against < error else "undecided"
    )
    return Ruling(finding, word, p_holds, p_against)


def conclude(rulings: Sequence[Ruling], scale: str) -> ClaimVerdict:
    """Return the verdict of a claim from the rulings of its relations."""
    words = [one.word for one in rulings]
    if "contradicted" in words:
        return ClaimVerdict("contradicted", scale, _worst(rulings), tuple(rulings))
    if "undecided" in words:
        return ClaimVerdict("undecided", scale, _open(rulings), tuple(rulings))
    word: Word = "reproduced" if scale == STRONGEST else "direction holds"
    return ClaimVerdict(word, scale, "", tuple(rulings))


def _worst(rulings: Sequence[Ruling]) -> str:
    """Name what is contradicted."""
    return "; ".join(f"`{one.finding.relation}`" for one in rulings if one.word == "contradicted")


def _open(rulings: Sequence[Ruling]) -> str:
    """Say of everything that is undecided what would decide it."""
    return "; ".join(one.finding.explain_open() for one in rulings if one.word == "undecided")
