"""Grids: presets that a family says by a name, axes and what all of them say."""

import tomllib
from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.presets import find_preset, load_preset
from synthcli.presets.files import files_on_disk, library_files, read_preset
from synthcli.presets.grid import grid_cells

GRID = tomllib.loads("""
name = "{size}-by-{heads}-{task}"
size = [1, 20]
heads = [{ value = 4, label = "four" }]

[[task]]
value = "cola"
model.head = { output = "number", bias = true }

[[task]]
value = "sst2"
label = "SST-2"

[preset]
title = "{heads.label} of {size}, {task.label}"
model = { head = { output = "classes" }, layers."{size}" = { heads = "{heads}" } }
sizes = ["{size}", "x{size}"]
""")


def test_a_grid_is_every_choice_with_what_each_value_says() -> None:
    found = dict(grid_cells("family", GRID))
    assert list(found) == ["1-by-4-cola", "1-by-4-sst2", "20-by-4-cola", "20-by-4-sst2"]
    assert found["20-by-4-sst2"] == {
        "extends": "family",
        "title": "four of 20, SST-2",
        "model": {"head": {"output": "classes"}, "layers": {"20": {"heads": 4}}},
        "sizes": [20, "x20"],
    }
    assert found["1-by-4-cola"]["model"]["head"] == {"output": "number", "bias": True}


def test_no_preset_of_a_grid_changes_another() -> None:
    found = dict(grid_cells("family", GRID))
    found["1-by-4-cola"]["model"]["head"]["output"] = "changed"
    assert found["20-by-4-cola"]["model"]["head"]["output"] == "number"
    assert found["1-by-4-sst2"]["model"]["head"]["output"] == "classes"


@pytest.mark.parametrize(
    ("name", "parent", "family"),
    [
        ("glue-cola-dense-vanilla", "glue-dense-vanilla", "glue"),
        ("superglue-copa-random", "superglue-random", "superglue"),
        ("crammed-glue-stsb-value-skipinit", "crammed-glue-value-skipinit", "crammed-glue"),
        ("bert-distill-block-10-heads-1-dk-64", "bert-distill", "bert-distill"),
    ],
)  # fmt: skip
def test_a_preset_of_a_grid_is_one_like_any_other(name: str, parent: str, family: str) -> None:
    assert read_preset(library_files()[name])["extends"] == parent
    experiment = load_preset(name)
    assert experiment.name == name
    assert experiment.sources["title"] == experiment.sources["name"] == f"grid of {family}.toml"


def test_a_grid_takes_the_name_of_no_file() -> None:
    files = [path.stem for path in files_on_disk()]
    grids = [tomllib.loads(path.read_text())["grid"] for path in files_on_disk()
             if "[grid]" in path.read_text()]  # fmt: skip
    made = [name for grid in grids for name, _ in grid_cells("family", grid)]
    assert len(made) == len(set(made)) == 279 and not set(made) & set(files)


def test_a_family_with_a_grid_is_no_preset_and_its_presets_are_offered() -> None:
    with pytest.raises(SynthError, match="did you mean `glue-cola-dense`") as error:
        find_preset("glue-cola-dens")
    with pytest.raises(SynthError, match="`bert-distill` is a family"):
        find_preset("bert-distill")
    assert error.value.exit_code == 2


def test_a_file_extends_a_family_without_its_grid(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('extends = "glue"\ntitle = "mine"\n[data]\ncorpus = "glue-rte"\n')
    assert load_preset(str(own)).data.corpus == "glue-rte"


@pytest.mark.parametrize("is_family", [True, False])
def test_a_grid_of_ones_own_is_refused(is_family: bool, tmp_path: Path) -> None:
    """Nothing would list its presets."""
    family, own = tmp_path / "family.toml", tmp_path / "mine.toml"
    family.write_text(f'extends = "glue-dense"\nabstract = {str(is_family).lower()}\n[grid]\nname = "x"\n')
    own.write_text('extends = "family.toml"\ntitle = "mine"\n[data]\ncorpus = "glue-rte"\n')
    with pytest.raises(SynthError, match="grid"):
        load_preset(str(own))
