"""Random numbers without a generator, by counting: each is a function of what it is drawn for.

splitmix64 (Steele, Lea & Flood 2014) as a sequence a row, which begins at a key made of (seed, epoch, row).
So what a row is given depends neither on the rows beside it, nor on its batch, micro-batch or process.
"""

import numpy as np
import numpy.typing as npt

from synthcli.data.store.hashing import GOLDEN, splitmix64

Numbers = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.integer]

SPARE = np.uint64(11)  # a double holds 53 bits


def derive_keys(seed: int, epochs: Whole | int, rows: Whole) -> Numbers:
    """Return the key of every row, each in its epoch."""
    of_seed = splitmix64(np.array([seed % 2**64], np.uint64))
    of_epochs = splitmix64(of_seed + np.asarray(epochs).astype(np.uint64))
    return splitmix64(of_epochs + np.asarray(rows).astype(np.uint64))


def uniform(keys: Numbers, places: Whole) -> npt.NDArray[np.float64]:
    """Return the numbers in [0, 1) that stand at places of the keys' sequences; shapes are broadcast."""
    drawn = splitmix64(keys + np.asarray(places).astype(np.uint64) * GOLDEN)
    return (drawn >> SPARE).astype(np.float64) * 2.0**-53
