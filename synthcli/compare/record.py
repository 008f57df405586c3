"""A finished run as a comparison counts it: one small file, which can be copied, or kept in git."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError
from synthcli.evaluation.kept_samples import KeptSamples
from synthcli.safe_read import Shape, check_shape, read_table

SHAPE: Shape = {
    **dict.fromkeys(("preset", "scale", "run", "corpus", "split", "store"), str),
    **dict.fromkeys(("seed", "steps", "parameters", "non_embedding"), int),
    "metrics": [str],
    "configuration": {},
    "options": {},
    "made": {},
    "cost": {},
    "curve": [[float]],
    "clock?": [[float]],
    "figures": [{}],
}
FIGURE: Shape = {"value": float, "higher_is_better": bool, "protocol": str, "signature": str, "kept": {}}
HINT = "delete it: the comparison makes it anew where its run is there"


@dataclass(frozen=True)
class RecordedFigure:
    """A figure of a run, how it was made, and the samples it is made of."""

    value: float
    higher_is_better: bool
    protocol: str
    signature: str
    kept: KeptSamples

    @property
    def name(self) -> str:
        return self.kept.figure

    def to_json(self) -> dict[str, object]:
        return {**vars(self), "kept": self.kept.to_json()}

    @classmethod
    def from_json(cls, table: Any) -> "RecordedFigure":
        check_shape(table, FIGURE)
        return cls(**{**table, "kept": KeptSamples.from_json(table["kept"])})


@dataclass(frozen=True)
class RunRecord:
    """`configuration` is the resolved preset; `made` says when, on what and of which commit.

    `options` are those of each of the `metrics`; `cost` has seconds and tokens of training, `curve` steps and
    validation losses, `clock` each of these steps, the seconds and tokens until then (older records lack it).
    """

    preset: str
    scale: str
    seed: int
    run: str
    configuration: Mapping[str, object]
    metrics: tuple[str, ...]
    corpus: str
    split: str
    store: str
    options: Mapping[str, Mapping[str, object]]
    steps: int
    parameters: int
    non_embedding: int
    made: Mapping[str, object]
    cost: Mapping[str, float]
    curve: tuple[tuple[float, float], ...]
    figures: tuple[RecordedFigure, ...]
    clock: tuple[tuple[float, float, float], ...] = ()

    def figure(self, name: str) -> RecordedFigure | None:
        return next((figure for figure in self.figures if figure.name == name), None)

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "figures": [figure.to_json() for figure in self.figures]}

    @classmethod
    def from_json(cls, table: Any) -> "RunRecord":
        """Read what `to_json` gave; ValueError for anything else."""
        if isinstance(table, dict) and "metric" in table:  # records of one metric were written so
            old = table.pop("metric")
            table |= {"metrics": [old], "options": {old: table.get("options")}}
        check_shape(table, SHAPE)
        figures = tuple(RecordedFigure.from_json(figure) for figure in table["figures"])
        curve = tuple((float(step), float(loss)) for step, loss in table["curve"])
        clock = tuple((float(step), float(s), float(tokens)) for step, s, tokens in table.get("clock", ()))
        tuples = {"metrics": tuple(table["metrics"]), "figures": figures, "curve": curve, "clock": clock}
        return cls(**{**table, **tuples})


def read_record(path: Path) -> RunRecord:
    """Return the record in a file."""
    try:
        return RunRecord.from_json(read_table(path, HINT))
    except (ValueError, TypeError) as error:
        raise SynthError(f"`{path}` is no record of a run: {error}", HINT) from error
