"""Rows that stand twice, in one split or in two, by their hashes."""

from itertools import combinations

import numpy as np

from synthcli.data.store.hashing import Hashes

AT_ONCE = 2**18  # hashes looked at together


def count_repeats(parts: list[Hashes]) -> tuple[Hashes, dict[str, int]]:
    """Return the sorted hashes, how many rows repeat an earlier one, and how often the commonest is there.

    The parts are used up: hashes of many rows are held once.
    """
    hashes = _join_hashes(parts)
    hashes.sort()
    distinct, longest = _count_runs(hashes)
    counted = {
        "compared": len(hashes),
        "duplicates": len(hashes) - distinct,
        "most_repeated": longest,
    }
    return hashes, counted


def _join_hashes(parts: list[Hashes]) -> Hashes:
    """Return all hashes in one array; each part is let go of once it is there."""
    hashes = np.empty(sum(map(len, parts)), np.uint64)
    end = len(hashes)
    while parts:
        part = parts.pop()
        hashes[end - len(part) : end] = part
        end -= len(part)
    return hashes


def _count_runs(hashes: Hashes) -> tuple[int, int]:
    """Count the runs of equal hashes in sorted ones, and return the length of the longest."""
    if not len(hashes):
        return 0, 0
    distinct, begun, longest = 1, 0, 0
    for start in range(0, len(hashes), AT_ONCE):
        block = hashes[start : start + AT_ONCE + 1]
        begins = np.flatnonzero(block[1:] != block[:-1]) + start + 1
        if len(begins):
            longest = max(longest, int(np.diff(begins, prepend=begun).max()))
            distinct, begun = distinct + len(begins), int(begins[-1])
    return distinct, max(longest, len(hashes) - begun)


def count_overlaps(hashes: dict[str, Hashes]) -> list[dict[str, str | int]]:
    """Return, for each later split and each earlier one, how many of its rows stand there too."""
    return [
        {
            "of": later,
            "in": earlier,
            "rows": _count_shared(hashes[later], hashes[earlier]),
            "compared": len(hashes[later]),
        }
        for earlier, later in combinations(hashes, 2)
    ]


def _count_shared(rows: Hashes, among: Hashes) -> int:
    """Return how many rows stand among others; both are sorted."""
    if not len(among):
        return 0
    places = np.searchsorted(among, rows).clip(max=len(among) - 1)
    return int((among[places] == rows).sum())
