"""Numbers by chance as functions: splitmix64's published sequence, spread evenly, no two rows alike."""

import numpy as np
import pytest

from synthcli.data.examples.counter_rng import derive_keys, splitmix64, uniform

# what Vigna's splitmix64.c prints from state 1234567
PUBLISHED = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
MASK = 2**64 - 1


def splitmix(state: int) -> int:
    """The next number after a state, in whole numbers of Python."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_the_sequence_is_splitmix64() -> None:
    drawn = uniform(np.array([1234567], np.uint64), np.arange(4))
    assert drawn.tolist() == [(number >> 11) / 2**53 for number in PUBLISHED]
    assert splitmix64(np.array([1234567], np.uint64)).tolist() == [PUBLISHED[0]] == [splitmix(1234567)]


@pytest.mark.parametrize("seed", [0, 7, 2**63, 2**64 - 1])
def test_keys_are_chained_from_seed_epoch_and_row(seed: int) -> None:
    rows, epochs = np.array([0, 1, 10**12]), np.array([0, 3, 2])
    wanted = [
        splitmix((splitmix((splitmix(seed) + int(e)) & MASK) + int(r)) & MASK)
        for e, r in zip(epochs, rows, strict=True)
    ]
    assert derive_keys(seed, epochs, rows).tolist() == wanted
    assert derive_keys(seed, 3, rows).tolist()[1] == wanted[1]


def test_no_two_rows_epochs_or_seeds_draw_alike() -> None:
    keys = np.concatenate([derive_keys(s, e, np.arange(2000)) for s in range(5) for e in range(5)])
    assert len(set(keys.tolist())) == len(keys)
    drawn = uniform(keys[:, None], np.arange(3))
    assert len(np.unique(drawn)) == drawn.size
    correlations = np.corrcoef(np.concatenate((drawn[:-1].T, drawn[1:].T)))  # of places, and of neighbours
    assert np.abs(correlations - np.eye(6)).max() < 0.02


def test_numbers_are_spread_evenly_below_one() -> None:
    drawn = uniform(derive_keys(1, 0, np.arange(1000))[:, None], np.arange(100))
    assert 0 <= drawn.min() < 1e-4 and 1 - 1e-4 < drawn.max() < 1
    counts, _ = np.histogram(drawn, bins=100, range=(0, 1))
    statistic = ((counts - 1000) ** 2 / 1000).sum()
    assert statistic < 149.4  # chi-squared with 99 degrees of freedom: passed by 999 of 1000
