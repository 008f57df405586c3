"""What was measured for a claim beside runs: one small file, which can be copied, or kept in git."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.safe_read import Shape, check_shape, read_table

PREFIX = "measured."
SHAPE: Shape = {
    **dict.fromkeys(("measure", "scale", "settings"), str),
    "seeds": [int],
    "values": {"*": [float]},
    "made": {},
    "seconds": float,
}
HINT = "delete it: it is measured anew"


@dataclass(frozen=True)
class Measured:
    """Values of each arm, seed by seed; of times round by round. `settings` is a hash of all experiments."""

    measure: str
    scale: str
    settings: str
    seeds: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]
    made: Mapping[str, object]
    seconds: float

    @property
    def file_name(self) -> str:
        return f"{PREFIX}{self.measure}.{self.scale}.{self.settings[:16]}.json"

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def read_measured(path: Path) -> Measured:
    """Return what a file holds."""
    table = read_table(path, HINT)
    try:
        check_shape(table, SHAPE)
        values = {arm: tuple(map(float, of_arm)) for arm, of_arm in table["values"].items()}
        return Measured(**{**table, "seeds": tuple(table["seeds"]), "values": values})
    except (ValueError, TypeError) as error:
        raise SynthError(f"`{path}` holds nothing that was measured: {error}", HINT) from error
