"""Two arms on the same test samples, seed by seed: their differences, and what resampling does to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthcli.evaluation.bootstrap import Array

FEWEST = 30  # parts of a text that an interval may be made of
ELEMENTS = 2**24  # of the largest table of a part of the resamples
SEED = 12345  # sacreBLEU's default: its paired tests draw the same samples


@dataclass(frozen=True)
class Pairs:
    """Statistics (seeds, samples, k) of two arms that are summed over samples; `figure` maps sums to values.

    Row i of both is a pair, of equal seeds where there are such; sample j of both is the same sample.
    """

    arm: Array
    baseline: Array
    figure: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if self.arm.shape != self.baseline.shape:
            raise ValueError(f"arms of unlike shapes: {self.arm.shape} and {self.baseline.shape}")

    @property
    def seeds(self) -> int:
        return len(self.arm)

    @property
    def samples(self) -> int:
        return int(self.arm.shape[1])

    def values(self) -> tuple[Array, Array]:
        """Return the figure of every seed of the arm, and of the baseline."""
        return self.figure(self.arm.sum(axis=1)), self.figure(self.baseline.sum(axis=1))

    def differences(self) -> Array:
        """Return arm − baseline of every pair."""
        arm, baseline = self.values()
        return arm - baseline


def align(one: Array, other: Array) -> tuple[Array, Array] | None:
    """Return statistics (seeds, samples, k) of one text, cut otherwise, summed between the cuts they share.

    The last of k counts the units of a sample. None where they are of texts of unlike length, or share fewer
    than 30 cuts.
    """
    ends = [np.cumsum(side[0, :, -1]) for side in (one, other)]
    if ends[0][-1] != ends[1][-1]:
        return None
    shared = np.intersect1d(ends[0], ends[1])
    if len(shared) < FEWEST:
        return None
    first, second = (_sum_until(side, end, shared) for side, end in zip((one, other), ends, strict=True))
    return first, second


def _sum_until(side: Array, ends: Array, shared: Array) -> Array:
    last = np.searchsorted(ends, shared)  # the sample that ends at each shared cut
    return np.add.reduceat(side, np.concatenate(([0], last[:-1] + 1)), axis=1)


def bootstrap_differences(pairs: Pairs, resamples: int, seed: int = SEED) -> Array:
    """Return differences (resamples, seeds) for test samples drawn with replacement  (Koehn 2004).

    A resample has the same samples for both arms and for every seed.
    """
    return np.concatenate(
        [
            _resample_figures(pairs, counts @ pairs.arm) - _resample_figures(pairs, counts @ pairs.baseline)
            for counts in draw_counts(pairs.samples, resamples, seed)
        ]
    )


def draw_counts(samples: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each sample is drawn, a row a resample, some resamples at a time."""
    generator = np.random.default_rng(seed)
    for size in _resample_chunks(resamples, samples):
        yield _count_draws(generator.integers(0, samples, (size, samples)), samples)


def bootstrap_p(resampled: Array, difference: float) -> float:
    """Return the p-value of a paired bootstrap as sacreBLEU defines it; `resampled` are mean differences."""
    sizes = np.abs(resampled)
    return float(((sizes - sizes.mean()) > abs(difference)).sum() + 1) / (len(sizes) + 1)


def centred_bootstrap_p(resampled: Array, difference: float, tie: float) -> float:
    """Return how often resamples lie as far from their mean as a difference from 0, up to `tie`.

    Resamples moved to a mean of 0 are those of no difference (Efron and Tibshirani 1993, 16.4). sacreBLEU
    takes the mean of their sizes instead, and finds smaller p-values.
    """
    sizes = np.abs(resampled - resampled.mean())
    return float(_exceeds(sizes, abs(difference), tie).sum() + 1) / (len(sizes) + 1)


def randomisation_p(pairs: Pairs, trials: int, seed: int = SEED, tie: float | None = None) -> float:
    """Return how often arms that change places sample by sample differ by more than they do.

    Approximate randomisation (Riezler and Maxwell 2005): a sample changes places for every seed at once.
    As in sacreBLEU only larger differences count; with `tie` those as large up to so much do too, which
    figures of few values need: of equal arms p is 1 then.
    """
    generator, samples = np.random.default_rng(seed), pairs.samples
    actual, more = abs(pairs.differences().mean()), 0
    for size in _resample_chunks(trials, samples, multiple=32):  # numpy draws 32 at a time
        stays = generator.integers(2, size=(size, samples), dtype=bool).astype(np.float64)
        one = stays @ pairs.baseline + (1 - stays) @ pairs.arm
        other = stays @ pairs.arm + (1 - stays) @ pairs.baseline
        found = (_resample_figures(pairs, one) - _resample_figures(pairs, other)).mean(axis=1)
        more += int(_exceeds(np.abs(found), actual, tie).sum())
    return (more + 1) / (trials + 1)


def _exceeds(sizes: Array, actual: float, tie: float | None) -> npt.NDArray[np.bool_]:
    return sizes > actual if tie is None else sizes >= actual - tie


def _resample_figures(pairs: Pairs, sums: Array) -> Array:
    """Return figures (resamples, seeds) of sums (seeds, resamples, k)."""
    return pairs.figure(sums).T


def _count_draws(drawn: npt.NDArray[np.int64], samples: int) -> Array:
    """Return how often each sample is drawn, a row a resample."""
    flat = (drawn + samples * np.arange(len(drawn))[:, None]).ravel()
    return np.bincount(flat, minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def _resample_chunks(total: int, samples: int, multiple: int = 1) -> Iterator[int]:
    """Yield how many resamples are made at a time."""
    most = max(multiple, ELEMENTS // max(1, samples) // multiple * multiple)
    for start in range(0, total, most):
        yield min(most, total - start)
