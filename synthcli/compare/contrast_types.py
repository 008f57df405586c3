"""What is said of an arm beside the baseline, key by key, as reports of comparisons have it."""

from typing import TypedDict


class OverSeeds(TypedDict):
    """A difference over seeds: Student's interval, and what the signs of pairs say."""

    differences: list[float]
    error: float | None
    is_noise_floor: bool
    interval: tuple[float, float] | None
    sign_flip_p: float
    smallest_sign_flip_p: float
    correlation: float | None
    gain_of_pairs: float | None


class OverSamples(TypedDict):
    """A difference over test samples."""

    samples: int
    error: float
    interval: list[float]
    bootstrap_p: float
    randomisation_p: float


class OverBoth(TypedDict):
    """A difference over seeds and samples together; adjusted p-values are those of the family."""

    error: float
    interval: list[float]
    p: float
    adjusted_p: float
    adjusted_equivalence_p: float
    smallest_difference: float | None


class ContrastTable(TypedDict):
    """All that is said of an arm beside the baseline, by one figure."""

    arm: str
    metric: str
    figure: str
    unit: str
    higher_is_better: bool
    difference: float
    margin: float
    pairs: list[int]
    over_seeds: OverSeeds
    over_samples: OverSamples
    both: OverBoth
    verdict: str
    more_seeds: int | None
