"""Noise floors: how far figures of a preset vary over seeds, kept with presets for comparisons of few."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import tomlkit

from synthcli import atomic_files
from synthcli.compare.contrasts import formula_of, get_quantity, value_of
from synthcli.compare.figures import Quantity
from synthcli.compare.pairs import draw_counts
from synthcli.compare.record import RunRecord
from synthcli.compare.spread import Floor
from synthcli.disk import guard_write
from synthcli.errors import SynthError
from synthcli.jobs.reproduce.rows import FITTED
from synthcli.presets.files import NOISE, find_preset_file, library_folder, read_toml
from synthcli.presets.merge import tables
from synthcli.presets.schema import Experiment
from synthcli.runs.differences import preset_hash
from synthcli.safe_read import Shape, check_shape

FEWEST = 3  # seeds that a deviation is told of
RESAMPLES = 1000
SHAPE: Shape = {
    **dict.fromkeys(
        ("preset", "scale", "corpus", "figure", "configuration", "date", "commit", "machine"), str
    ),
    **dict.fromkeys(("mean", "sigma_seeds", "sigma_samples", "sigma_difference"), float),
    "count": int,
}


@dataclass(frozen=True)
class NoiseFloor:
    """Deviations of a figure of a preset: of a run over seeds and test samples, of the difference of two.

    `configuration` is a hash of all settings that reach the weights but the seed.
    """

    preset: str
    scale: str
    corpus: str
    figure: str
    count: int
    mean: float
    sigma_seeds: float
    sigma_samples: float
    sigma_difference: float
    configuration: str
    date: str
    commit: str
    machine: str


def measure_noise(records: Mapping[int, RunRecord], quantity: Quantity) -> NoiseFloor:
    """Return the noise floor of runs of one preset, a record a seed."""
    runs = list(records.values())
    if len(runs) < FEWEST:
        raise SynthError(
            f"{len(runs)} runs say too little of how far they vary", f"give `--seeds {FEWEST}` or more"
        )
    first, values = runs[0], np.array([value_of(record, quantity) for record in runs])
    over_samples = [_over_samples(record, quantity) for record in runs]
    sigma = float(np.std(values, ddof=1))
    return NoiseFloor(
        first.preset,
        first.scale,
        first.corpus,
        _figure_name(first, quantity),
        len(runs),
        float(values.mean()),
        sigma,
        float(np.mean(over_samples)),
        math.sqrt(2) * sigma,
        hash_settings(first.configuration),
        datetime.now(UTC).date().isoformat(),
        str(first.made.get("commit", "unknown")),
        f"{first.made.get('processor', 'unknown')}, {first.made.get('device', 'cpu')}",
    )


def write_noise(floors: Sequence[NoiseFloor]) -> Path:
    """Keep noise floors of a preset in the file of its paper, in place of older ones of the same settings."""
    path, new = noise_file(floors[0].preset), {_key(floor) for floor in floors}
    kept = [one for one in read_noise(path) if _key(one) not in new]
    rows = sorted([*kept, *floors], key=_key)
    document = tomlkit.document()
    document.add("floor", tomlkit.aot())
    for row in rows:
        document["floor"].append(tomlkit.item(asdict(row)))
    with guard_write(f"`{path}`", path, "presets of an installed package may be nobody's to write"):
        path.parent.mkdir(exist_ok=True)
        atomic_files.write_text(path, tomlkit.dumps(document))
    return path


def noise_file(preset: str) -> Path:
    """Return where the noise floors of a preset's paper stand."""
    return library_folder() / NOISE / f"{find_preset_file(preset).parent.name}.toml"


def read_noise(path: Path) -> list[NoiseFloor]:
    """Return the noise floors in a file, none where there is no file."""
    if not path.is_file():
        return []
    try:
        rows = read_toml(path).get("floor", [])
        for row in rows:
            check_shape(row, SHAPE)
        return [NoiseFloor(**row) for row in rows]
    except (ValueError, TypeError) as error:
        hint = "delete it, then `synth compare PRESET --noise-floor`"
        raise SynthError(f"`{path}` holds no noise floors: {error}", hint) from error


def find_floor(experiment: Experiment, quantity: Quantity) -> Floor | None:
    """Return what is known of how far an experiment varies over seeds; None where nobody measured it."""
    folder, wanted = library_folder() / NOISE, hash_settings(experiment.model_dump(mode="json"))
    names = ("loss",) if quantity.figure == "loss" else quantity.figure_names
    for path in sorted(folder.glob("*.toml")):
        for floor in read_noise(path):
            if floor.configuration == wanted and floor.figure in names:
                return Floor(floor.sigma_seeds, floor.count)
    return None


def hash_settings(configuration: Mapping[str, object]) -> str:
    """Return a hash of what reaches the weights, but for the seed and for sizes that follow a store."""
    model, training = tables(configuration, "model", "training")
    model = {key: value for key, value in model.items() if key not in FITTED}
    training = {key: value for key, value in training.items() if key != "seed"}
    return preset_hash({**configuration, "model": model, "training": training, "name": ""})[:16]


def _key(floor: NoiseFloor) -> tuple[str, ...]:
    return (floor.preset, floor.scale, floor.corpus, floor.figure, floor.configuration)


def _figure_name(record: RunRecord, quantity: Quantity) -> str:
    return "loss" if quantity.figure == "loss" else get_quantity(record, quantity).name


def _over_samples(record: RunRecord, quantity: Quantity) -> float:
    """Return the bootstrap deviation of a run's figure over test samples."""
    statistics = get_quantity(record, quantity).kept.statistics
    figure = formula_of(get_quantity(record, quantity), quantity)
    drawn = draw_counts(len(statistics), RESAMPLES, seed=0)
    return float(np.std(np.concatenate([figure(counts @ statistics) for counts in drawn]), ddof=1))
