"""How the rows of a split are shared out among classes, and where splits differ in that."""

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.store.arrays import numbers_in

NAMED = 5  # classes that a finding names one by one
SHIFT = 0.1  # a share that differs by so much is said, if chance does not explain it:
DEVIATIONS = 4.0  # standard deviations of the difference of two shares


class ClassCounts:
    """Counts the rows of each class."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.counts: npt.NDArray[np.int64] = np.zeros(len(names), np.int64)

    def add(self, labels: pyarrow.Array) -> None:
        """Count the labels of a batch, an Arrow array."""
        self.counts += np.bincount(numbers_in(labels), minlength=len(self.names))

    def describe(self) -> dict[str, int]:
        return dict(zip(self.names, self.counts.tolist(), strict=True))


def class_warnings(splits: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is unusual about the classes of splits: of one class alone, of lacking ones, of others."""
    labels = {split: counts["labels"] for split, counts in splits.items() if counts.get("labels")}
    found = [finding for split, counts in labels.items() for finding in _warn_absent(split, counts)]
    train = labels.get("train")
    if train is not None:
        others = [split for split in labels if split != "train"]
        found += [
            shift for split in others if (shift := _warn_shift(split, labels[split], train)) is not None
        ]
    return found


def _warn_absent(split: str, counts: dict[str, int]) -> list[str]:
    """Return which classes a split has no row of; of a split of one class, that one."""
    present = [name for name, count in counts.items() if count]
    absent = [f"`{name}`" for name, count in counts.items() if not count]
    if len(present) == 1 and len(counts) > 1:
        return [f"all {counts[present[0]]:,} rows of `{split}` are `{present[0]}`"]
    more = f" and {len(absent) - NAMED:,} more classes" if len(absent) > NAMED else ""
    return [f"no row of `{split}` is {', '.join(absent[:NAMED])}{more}"] if absent else []


def _warn_shift(split: str, counts: dict[str, int], train: dict[str, int]) -> str | None:
    """Return the class whose share differs most from train's, where that is much and no chance.

    Classes that are not there at all are said already.
    """
    rows, others = sum(counts.values()), sum(train.values())
    present = [name for name, count in counts.items() if count]
    if len(present) < 2 or not others:
        return None
    shares = {name: (counts[name] / rows, train[name] / others) for name in present}
    told = {
        name: abs(here - there)
        for name, (here, there) in shares.items()
        if abs(here - there) > max(SHIFT, DEVIATIONS * deviation(counts[name] + train[name], rows, others))
    }
    if not told:
        return None
    name = max(told, key=lambda one: told[one])
    here, there = (100 * share for share in shares[name])
    return f"`{name}` is {here:.3g} % of `{split}` and {there:.3g} % of `train`"


def deviation(count: int, rows: int, others: int) -> float:
    """Return the standard deviation of the difference of two shares that are drawn from one population."""
    share = count / (rows + others)
    return sqrt(share * (1 - share) * (1 / rows + 1 / others))
