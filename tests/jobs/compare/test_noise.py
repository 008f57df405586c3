"""Noise floors: measured of one preset, kept with the presets, and used where seeds are few."""

from pathlib import Path

import numpy as np
import pytest

from synthcli.compare.figures import QUANTITIES
from synthcli.errors import SynthError
from synthcli.jobs.compare.arms import parse_arms
from synthcli.jobs.compare.compare import compare, find_noise, prepare
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.noise import find_floor, read_noise, write_noise
from synthcli.presets import files
from tests.jobs.compare.test_compare import TOY_COPY
from tests.jobs.reproducing import Told

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and a library of presets that may be written to."""
    library = tmp_path / "library"
    library.mkdir()
    for folder in files.library_folder().iterdir():
        if folder.is_dir() and folder.name != files.NOISE:
            (library / folder.name).symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    monkeypatch.setattr("synthcli.jobs.compare.noise.library_folder", lambda: library)
    return tmp_path


def asked(*words: str, seeds: int, alone: bool = False) -> CompareConfig:
    arms = tuple(parse_arms(words, alone=alone))
    return CompareConfig(arms, seeds, "smoke", TOY_COPY, ("accuracy",))


def test_a_floor_is_kept_and_decides_where_seeds_are_few(here: Path) -> None:
    config = asked("wmt14-vanilla", seeds=3, alone=True)
    comparison = prepare(config)
    (floor,), path = find_noise(comparison, Told())
    values = [record.figures[0].value for record in comparison.records["wmt14-vanilla"].values()]
    assert (floor.count, floor.mean) == (3, pytest.approx(np.mean(values)))
    assert floor.sigma_seeds == pytest.approx(np.std(values, ddof=1))
    assert path.name == "synthesizer.toml" and read_noise(path) == [floor]
    assert write_noise([floor]) == path and read_noise(path) == [floor]  # in place of the older one

    quantity = QUANTITIES["accuracy"]
    known = find_floor(config.arms[0].experiment("smoke", TOY_COPY, 7), quantity)
    assert known is not None and (known.sigma, known.count) == (floor.sigma_seeds, 3)
    other = config.arms[0].experiment("smoke", [*TOY_COPY, "training.steps=5"], None)
    assert find_floor(other, quantity) is None and find_floor(other, QUANTITIES["bleu"]) is None

    report = compare(prepare(asked("wmt14-vanilla", "wmt14-dense", seeds=1)), here / "reports", Told())
    (contrast,) = report["contrasts"]
    assert contrast["over_seeds"]["is_noise_floor"]
    assert contrast["over_seeds"]["error"] == pytest.approx(np.sqrt(2) * floor.sigma_seeds)


def test_two_runs_have_no_floor(here: Path) -> None:
    with pytest.raises(SynthError, match="2 runs say too little of how far they vary") as error:
        find_noise(prepare(asked("wmt14-vanilla", seeds=2, alone=True)), Told())
    assert error.value.hint == "give `--seeds 3` or more"
    with pytest.raises(SynthError, match="a noise floor is of one preset, and 2 are named"):
        asked("wmt14-vanilla", "wmt14-dense", seeds=3, alone=True)


def test_a_damaged_file_is_named(here: Path) -> None:
    path = here / "noise.toml"
    assert read_noise(path) == []
    path.write_text('[[floor]]\npreset = "x"\n')
    with pytest.raises(SynthError, match="holds no noise floors"):
        read_noise(path)
