"""What a ledger holds, key by key, as it is written to JSON."""

from typing import NotRequired, TypedDict, final

from synthcli.claims.schema import Scale
from synthcli.claims.tables import DivergenceTable, RelationTable


@final
class RuledRelation(RelationTable):
    """A relation that was measured, and what was concluded; p-values are adjusted over the family."""

    verdict: str
    p_holds: float
    p_against: float


@final
class RuledDivergence(DivergenceTable):
    """A relation of arms of which some diverged, and what was concluded."""

    verdict: str
    p_holds: float
    p_against: float


Relation = RuledRelation | RuledDivergence


class ScaleVerdict(TypedDict):
    """What came out for a claim at a scale: `figures` by arm and seed, `runs` it rests on."""

    verdict: str
    why: str
    figures: NotRequired[dict[str, object]]
    relations: NotRequired[list[Relation]]
    runs: NotRequired[list[dict[str, object]]]
    made: NotRequired[dict[str, object]]


class ClaimRow(TypedDict):
    """A claim, and its verdict: `verdict` says the scale with the `word` where that matters."""

    id: str
    kind: str
    says: str
    where: str
    source: str
    printed: str
    verdict: str
    word: str
    why: str
    scales: dict[Scale, ScaleVerdict]
    hours: dict[Scale, float]


class LedgerReport(TypedDict):
    """The ledger; `counts` are of claims by family and verdict."""

    command: str
    version: str
    scale: Scale | None
    counts: dict[str, dict[str, int]]
    controls: list[ClaimRow]
    claims: list[ClaimRow]
