"""64-bit hashes of rows of ids, many at once: what is equal has one hash.

h(x) = mix(Σ_i r_i (x_i + 1) + length), with a fixed odd pseudo-random number r_i for each position
(multilinear hashing, Lemire and Kaser 2014), mix and r being those of splitmix64 (Steele et al. 2014).
Two rows that differ have one hash with a chance of about 2^-60: among 10^8 hardly one repeat is false.
"""

import numpy as np
import numpy.typing as npt

from synthcli.data.store.ragged import Ids, Indices

Hashes = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
STEPS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
LAST = np.uint64(31)

AT_ONCE = 2**16  # ids: they stay in the processor's cache
ONE = np.uint64(1)


def splitmix64(numbers: Hashes) -> Hashes:
    """Return numbers that look independent, different ones for different numbers."""
    mixed: Hashes = numbers + GOLDEN
    for shift, factor in STEPS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> LAST
    return mixed


def text_hashes(values: Ids, offsets: Indices) -> Hashes:
    """Return the hash of each text."""
    sums = np.diff(offsets).astype(np.uint64)
    for start in range(0, len(values), AT_ONCE):
        stop = min(start + AT_ONCE, len(values))
        first = int(np.searchsorted(offsets, start, side="right")) - 1
        last = int(np.searchsorted(offsets, stop, side="left"))
        cuts = offsets[first : last + 1].clip(start, stop)
        sizes = np.diff(cuts)
        positions = np.arange(start, stop) - np.repeat(offsets[first:last], sizes)
        products = (values[start:stop].astype(np.uint64) + ONE) * _weights(positions)
        is_there = sizes > 0
        sums[first:last][is_there] += np.add.reduceat(products, cuts[:-1][is_there] - start)
    return splitmix64(sums)


def fold_hashes(texts: Hashes, firsts: Indices) -> Hashes:
    """Return one hash a row of its texts' hashes, their order counting."""
    sizes = np.diff(firsts)
    if (sizes == 1).all():
        return texts
    positions = np.arange(len(texts)) - np.repeat(firsts[:-1], sizes)
    sums, is_there = sizes.astype(np.uint64), sizes > 0
    products = texts * _weights(positions)
    sums[is_there] += np.add.reduceat(products, firsts[:-1][is_there])
    return splitmix64(sums)


def _weights(positions: Indices) -> Hashes:
    """Return the odd number of each position."""
    near = positions.max(initial=0) < len(TABLE)
    odd: Hashes = TABLE[positions] if near else splitmix64(positions.astype(np.uint64)) | ONE
    return odd


TABLE: Hashes = splitmix64(np.arange(2**14, dtype=np.uint64)) | ONE
