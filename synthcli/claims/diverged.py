"""Trainings that diverged: an outcome like another, which a claim counts. One small file each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path

from synthcli.claims.order import Relation
from synthcli.claims.tables import DivergenceTable
from synthcli.compare.spread import LEVEL
from synthcli.errors import SynthError
from synthcli.safe_read import Shape, check_shape, read_table

PREFIX = "diverged."
SHAPE: Shape = {
    **dict.fromkeys(("preset", "scale", "settings", "message"), str),
    "seed": int,
    "made": {},
}
HINT = "delete it: the training is made anew"
MOST = 50  # seeds of each arm that anybody would be told to run


@dataclass(frozen=True)
class DivergedRun:
    """A training whose loss was no longer finite, as `message` says; `settings` is a hash of all of it."""

    preset: str
    scale: str
    settings: str
    seed: int
    message: str
    made: Mapping[str, object]

    @property
    def file_name(self) -> str:
        return f"{PREFIX}{self.preset}.{self.scale}.seed-{self.seed}.{self.settings[:16]}.json"

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def read_diverged(path: Path) -> DivergedRun:
    """Return what a file holds."""
    table = read_table(path, HINT)
    try:
        check_shape(table, SHAPE)
        return DivergedRun(**table)
    except (ValueError, TypeError) as error:
        raise SynthError(f"`{path}` tells of no training that diverged: {error}", HINT) from error


@dataclass(frozen=True)
class DivergenceFinding:
    """How many seeds of each arm of a relation diverged, `(diverged, all)`.

    The losses of those that ended are no fair sample, so that these counts alone decide: by Fisher's exact
    test, two-sided. `runs` names those that are counted.
    """

    relation: Relation
    first: tuple[int, int]
    second: tuple[int, int]
    runs: frozenset[str] = frozenset()

    @property
    def p_holds(self) -> float:
        """The p-value against *the relation does not hold*; arms are never shown to be equal by it."""
        is_so = self.relation.word == "better" and self._lead > 0
        return fisher_exact(self.first, self.second) if is_so else 1.0

    @property
    def p_against(self) -> float:
        """The p-value against *the relation is not contradicted*."""
        is_so = self._lead < 0 if self.relation.word == "better" else self._lead != 0
        return fisher_exact(self.first, self.second) if is_so else 1.0

    @property
    def _lead(self) -> float:
        """How much smaller the share of the first is."""
        return self.second[0] / self.second[1] - self.first[0] / self.first[1]

    def describe(self) -> str:
        """Say how many diverged."""
        sides = zip((self.relation.first, self.relation.second), (self.first, self.second), strict=True)
        return ", ".join(f"`{arm}` diverged in {some} of {seeds} seeds" for arm, (some, seeds) in sides)

    def explain_open(self) -> str:
        """Say why it is undecided, and how many seeds would decide if shares stay."""
        needed = self._seeds_to_decide()
        then = "no number of seeds would" if needed is None else f"{needed} seeds of each would decide"
        return f"`{self.relation}`: {self.describe()}; if shares stay, {then}"

    def _seeds_to_decide(self) -> int | None:
        shares = [some / seeds for some, seeds in (self.first, self.second)]
        for seeds in range(2, MOST + 1):
            first, second = ((round(share * seeds), seeds) for share in shares)
            if fisher_exact(first, second) < 1 - LEVEL:
                return seeds
        return None

    def to_table(self) -> DivergenceTable:
        """Return what the ledger says of it."""
        diverged = {self.relation.first: self.first[0], self.relation.second: self.second[0]}
        seeds = self.first[1] + self.second[1]
        return {"relation": str(self.relation), "interval": None, "diverged": diverged, "seeds": seeds}


def fisher_exact(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return the two-sided p-value that two groups `(cases, all)` have one share  (Fisher 1935).

    It is the probability, all four sums given, of whatever is no more probable than what was found.
    """
    (a, n), (b, m) = first, second
    cases = a + b

    def weight(k: int) -> int:
        return comb(n, k) * comb(m, cases - k)

    possible = range(max(0, cases - m), min(n, cases) + 1)
    found = weight(a)
    return sum(weight(k) for k in possible if weight(k) <= found) / comb(n + m, cases)
