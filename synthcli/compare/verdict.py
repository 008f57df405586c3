"""The verdict of a comparison, by rule: better, worse, equivalent within a margin, or undecided.

Of all contrasts of a report, arms by metrics, the p-values of no difference are adjusted by Holm's rule
(1979), and so are those of a difference beyond the margin. In this order:

equivalent  the difference is less than the margin (two one-sided tests), adjusted p < 0.05
better      there is a difference, adjusted p < 0.05, and it is for the arm
worse       there is a difference, adjusted p < 0.05, and it is for the baseline
undecided   neither; about how many more seeds would decide is said

A difference that is there and less than the margin is *equivalent*: a margin says what is too small to
matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synthcli.compare.power import pairs_to_decide
from synthcli.compare.spread import LEVEL, Spread

Word = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True)
class Contrast:
    """The difference of an arm and the baseline in one figure; `margin` is what is too small to matter."""

    arm: str
    metric: str
    spread: Spread
    margin: float
    higher_is_better: bool


@dataclass(frozen=True)
class Verdict:
    """What is concluded; p-values are adjusted, `more_seeds` is None where none would decide."""

    word: Word
    p_difference: float
    p_equivalence: float
    more_seeds: int | None = None


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values of a family: the chance of any false one is that of a single test."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def decide(contrasts: Sequence[Contrast]) -> list[Verdict]:
    """Return the verdict of each contrast of a report."""
    different = holm([one.spread.p_value() for one in contrasts])
    equivalent = holm([one.spread.equivalence_p(one.margin) for one in contrasts])
    return [_verdict(contrast, p, q) for contrast, p, q in zip(contrasts, different, equivalent, strict=True)]


def _verdict(contrast: Contrast, p_difference: float, p_equivalence: float) -> Verdict:
    spread, error = contrast.spread, 1 - LEVEL
    if spread.seeds is None:  # of one seed nothing is concluded
        return Verdict("undecided", p_difference, p_equivalence, _more_seeds(contrast))
    if p_equivalence < error:
        return Verdict("equivalent", p_difference, p_equivalence)
    if p_difference < error:
        is_better = (spread.difference > 0) == contrast.higher_is_better
        return Verdict("better" if is_better else "worse", p_difference, p_equivalence)
    return Verdict("undecided", p_difference, p_equivalence, _more_seeds(contrast))


def _more_seeds(contrast: Contrast) -> int | None:
    """Return about how many seeds more would decide: None where samples limit it, or nothing says σ."""
    spread = contrast.spread
    if spread.seeds is None:
        return None
    sigma = spread.seeds * spread.count**0.5
    needed = pairs_to_decide(spread.difference, sigma, spread.rest, contrast.margin)
    return None if needed is None else max(1, needed - spread.count)
