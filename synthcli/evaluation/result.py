"""A result: scores with everything one needs to trust or repeat them, as JSON."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from synthcli.errors import SynthError
from synthcli.evaluation.score import Score
from synthcli.safe_read import Shape, check_shape

if TYPE_CHECKING:
    import pandas

FIGURE: Shape = {
    "name": str,
    "value": float,
    "interval": (None, [float]),
    "protocol": str,
    "signature": str,
    "higher_is_better": bool,
}
SHAPE: Shape = {
    **dict.fromkeys(("metric", "corpus", "split", "store", "checkpoint"), str),
    **dict.fromkeys(("samples", "split_size", "step"), int),
    "limit": (None, int),
    "outputs?": (None, str),
    "device?": (None, str),
    "figures": [FIGURE],
    "options": {},
    "notes": [str],
}


@dataclass(frozen=True)
class Figure:
    """One score as numbers; the interval covers 95 % of bootstrap resamples."""

    name: str
    value: float
    interval: tuple[float, float] | None
    protocol: str
    signature: str
    higher_is_better: bool

    @classmethod
    def of(cls, score: Score, resamples: int, seed: int) -> "Figure":
        interval = score.sampled.interval(resamples, seed)
        return cls(score.name, score.value, interval, score.protocol, score.signature, score.higher_is_better)

    def __str__(self) -> str:
        spread = "" if self.interval is None else f" [{self.interval[0]:.2f}, {self.interval[1]:.2f}]"
        return f"{self.name} {self.value:.2f}{spread}"


@dataclass(frozen=True)
class Result:
    """`samples` of `split_size` were evaluated: the whole split unless `limit` says otherwise."""

    metric: str
    figures: tuple[Figure, ...]
    samples: int
    split_size: int
    limit: int | None
    corpus: str
    split: str
    store: str
    checkpoint: str
    step: int
    options: dict[str, object]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    outputs: str | None = None  # the file beside it with what was written
    device: str | None = None  # what the model ran on: a GPU's number and name, or the kind of processor

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a row for each figure."""
        import pandas

        return pandas.DataFrame([asdict(figure) for figure in self.figures])

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> "Result":
        """Read what `to_json` wrote; anything else is refused."""
        try:
            check_shape(table, SHAPE)
            return cls._read(table)
        except (ValueError, TypeError) as error:
            hint = "delete it from the run's `results`, then evaluate again"
            raise SynthError(f"a result is not as `synth eval` writes it: {error}", hint) from error

    @classmethod
    def _read(cls, table: dict[str, Any]) -> "Result":
        figures = tuple(
            Figure(**{**f, "interval": tuple(f["interval"]) if f["interval"] else None})
            for f in table["figures"]
        )
        return cls(**{**table, "figures": figures, "notes": tuple(table["notes"])})
