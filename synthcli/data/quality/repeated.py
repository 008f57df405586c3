"""Rows that stand twice, in one split or in two, by their hashes."""

from itertools import combinations
from typing import Any

import numpy as np

from synthcli.data.quality.hashing import Hashes


def repeats(parts: list[Hashes]) -> tuple[Hashes, dict[str, int]]:
    """Return the sorted hashes, how many rows repeat an earlier one, and how often the commonest is there."""
    hashes = np.concatenate([np.zeros(0, np.uint64), *parts])
    hashes.sort()
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else np.zeros(0, int)
    runs = np.diff(np.append(starts, len(hashes)))
    counted = {
        "compared": len(hashes),
        "duplicates": len(hashes) - len(starts),
        "most_repeated": int(runs.max(initial=0)),
    }
    return hashes, counted


def overlaps(hashes: dict[str, Hashes]) -> list[dict[str, Any]]:
    """Return, for each later split and each earlier one, how many of its rows stand there too."""
    return [
        {
            "of": later,
            "in": earlier,
            "rows": shared(hashes[later], hashes[earlier]),
            "compared": len(hashes[later]),
        }
        for earlier, later in combinations(hashes, 2)
    ]


def shared(rows: Hashes, among: Hashes) -> int:
    """Return how many rows stand among others; both are sorted."""
    if not len(among):
        return 0
    places = np.searchsorted(among, rows).clip(max=len(among) - 1)
    return int((among[places] == rows).sum())
