"""Chance without a generator: every number is a function of what it is drawn for.

splitmix64 (Steele, Lea & Flood 2014) as a sequence a row, which begins at a key made of (seed, epoch, row).
So what a row is given depends neither on the rows beside it, nor on its batch, micro-batch or process.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.integer]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
STEPS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
LAST = np.uint64(31)
SPARE = np.uint64(11)  # a double holds 53 bits


def mixed(numbers: Numbers) -> Numbers:
    """Return numbers that look independent, different ones for different numbers."""
    mixed: Numbers = numbers + GOLDEN
    for shift, factor in STEPS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> LAST
    return mixed


def keys_of(seed: int, epochs: Whole | int, rows: Whole) -> Numbers:
    """Return the key of every row, each in its epoch."""
    of_epochs = mixed(mixed(np.array([seed % 2**64], np.uint64)) + np.asarray(epochs).astype(np.uint64))
    return mixed(of_epochs + np.asarray(rows).astype(np.uint64))


def uniform(keys: Numbers, places: Whole) -> npt.NDArray[np.float64]:
    """Return the numbers in [0, 1) that stand at places of the keys' sequences; shapes are broadcast."""
    drawn = mixed(keys + np.asarray(places).astype(np.uint64) * GOLDEN)
    return (drawn >> SPARE).astype(np.float64) * 2.0**-53
