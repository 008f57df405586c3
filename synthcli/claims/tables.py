"""What the ledger says of a relation, key by key."""

from typing import TypedDict


class RelationTable(TypedDict):
    """A relation as the ledger has it; its interval is None of one seed."""

    relation: str
    difference: float
    interval: list[float] | None
    limit: float
    unit: str
    seeds: int
    resolves: float | None
    more_seeds: int | None


class DivergenceTable(TypedDict):
    """A relation whose arms diverged, as the ledger has it: how many seeds of each, of how many in all."""

    relation: str
    interval: None
    diverged: dict[str, int]
    seeds: int
