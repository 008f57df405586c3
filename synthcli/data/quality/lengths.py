"""How long the texts of a column are, counted in bounded memory."""

import numpy as np

from synthcli.data.store.ragged import Indices

EXACT = 2**16  # lengths below are counted one by one
PER_OCTAVE = 4  # bins of the histogram
EDGES = np.array(sorted({0, *(int(2 ** (step / PER_OCTAVE)) for step in range(31 * PER_OCTAVE + 1))}))
SHARES = {"median": 0.5, "p90": 0.9, "p99": 0.99}


class Lengths:
    """Counts of lengths; the histogram's bins are the same for every split and store."""

    def __init__(self) -> None:
        self.exact = np.zeros(EXACT + 1, np.int64)  # the last one counts all that are longer
        self.binned = np.zeros(len(EDGES), np.int64)
        self.total, self.least, self.longest = 0, -1, 0

    def add(self, lengths: Indices) -> None:
        """Count the texts of a batch."""
        if not len(lengths):
            return
        counts = np.bincount(lengths.clip(max=EXACT))
        self.exact[: len(counts)] += counts
        bins = np.bincount(np.searchsorted(EDGES, lengths, side="right") - 1)
        self.binned[: len(bins)] += bins
        self.total += int(lengths.sum())
        least, longest = int(lengths.min()), int(lengths.max())
        self.least = least if self.least < 0 else min(self.least, least)
        self.longest = max(self.longest, longest)

    def describe(self) -> dict[str, object]:
        """Return mean, quantiles, histogram: bin i counts lengths from `edges[i]` to below the next."""
        texts, last = int(self.exact.sum()), int(np.flatnonzero(self.binned).max(initial=0))
        ranks = np.cumsum(self.exact)
        quantiles = {name: int(np.searchsorted(ranks, share * texts)) for name, share in SHARES.items()}
        return {
            "texts": texts,
            "least": max(self.least, 0),
            "mean": round(self.total / texts, 2) if texts else 0.0,
            **quantiles,  # at most `EXACT`, which then means that or more
            "longest": self.longest,
            "histogram": {"edges": EDGES[: last + 2].tolist(), "texts": self.binned[: last + 1].tolist()},
        }
