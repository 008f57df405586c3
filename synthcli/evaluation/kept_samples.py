"""What a result keeps of its samples: sums of a few, whose figure can be had again, and compared in pairs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.figures import FIGURES
from synthcli.evaluation.score import Score
from synthcli.safe_read import Shape, check_shape, parse_json, read_bytes

MOST_GROUPS = 2000  # of samples that follow each other; what they are resampled by
DIGITS = 7
SHAPE: Shape = {"figure": str, "samples": int, "statistics": [[float]]}


@dataclass(frozen=True)
class KeptSamples:
    """Statistics (groups, k) of a figure of `samples` samples; of many, consecutive ones are summed."""

    figure: str
    samples: int
    statistics: Array

    @classmethod
    def of(cls, score: Score) -> "KeptSamples":
        """Sum what is more than is kept; a group has as many samples as any other, or one less."""
        statistics = score.sampled.statistics
        groups = np.array_split(statistics, min(len(statistics), MOST_GROUPS))
        return cls(score.name, len(statistics), np.stack([group.sum(axis=0) for group in groups]))

    def to_sampled(self) -> Sampled:
        """Return what its figure is made of."""
        return Sampled(self.statistics, FIGURES[self.figure])

    def to_json(self) -> dict[str, object]:
        rows = [[_short(value) for value in row] for row in self.statistics.tolist()]
        return {"figure": self.figure, "samples": self.samples, "statistics": rows}

    @classmethod
    def from_json(cls, table: Any) -> "KeptSamples":
        """Read what `to_json` gave; ValueError for anything else."""
        check_shape(table, SHAPE)
        rows = table["statistics"]
        if table["figure"] not in FIGURES or not rows or len({len(row) for row in rows}) != 1:
            raise ValueError(f"statistics of `{table['figure']}` are not as they were written")
        return cls(table["figure"], table["samples"], np.array(rows, dtype=np.float64))


def _short(value: float) -> float | int:
    """Return a number in few digits: counts as they are."""
    return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")


def figures_to_lines(scores: Sequence[Score]) -> str:
    """Return a line of JSON a figure."""
    known = (score for score in scores if score.name in FIGURES)
    return "".join(json.dumps(KeptSamples.of(score).to_json()) + "\n" for score in known)


def read_samples(path: Path) -> dict[str, KeptSamples]:
    """Return what a file of lines holds, by figure."""
    try:
        lines = read_bytes(path).splitlines()
        kept = [KeptSamples.from_json(parse_json(line)) for line in lines]
    except ValueError as error:
        hint = "delete it, then evaluate again"
        raise SynthError(f"`{path}` does not hold the samples of a result: {error}", hint) from error
    return {one.figure: one for one in kept}
