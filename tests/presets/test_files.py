"""Names, paths, families, and files that are not what they should be."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.presets.files import (
    files_on_disk,
    find_preset,
    find_preset_file,
    library_files,
    preset_names,
    read_toml,
)
from synthcli.presets.resolve import inherit_preset


def message_of(word: str) -> str:
    with pytest.raises(SynthError) as caught:
        find_preset(word)
    return str(caught.value)


def test_the_library_holds_every_experiment_of_the_four_papers() -> None:
    counts = Counter(find_preset(name).parent.name for name in preset_names())
    variants, glue, superglue = 9, 9 * 5, 8 * 5
    baselines = 1 + 2  # Linformer; convolutions
    figures = 24 + 12 + 2 + 5 + 3 + 1 + 1 + 3  # 3 and 15, 9, 13, 14, 16 to 22, 23, 24, 25
    assert counts == {
        "synthesizer": 10 * variants + baselines + glue + superglue,
        "simplified-blocks": 11 + 2 * 4 + 2 * 4 + 6 + 8 * 6 + figures + 5,
        "srupp": 9 + 7 + 3 + 1 + 2 + 1,
        "bert-blocks": 1 + 4 * 3 * 3 + 6 + 2 + 2 + 1,
    }


def test_names_are_unique_over_all_folders() -> None:
    files = files_on_disk()
    assert len({path.stem for path in files}) == len(files)
    assert len(library_files()) == len(files) + 9 * 5 + 8 * 5 + 8 * 6 + 4 * 3 * 3 + 10 + 48 + 5 * 9 + 5 + 2


def test_an_unknown_preset_names_the_nearest() -> None:
    assert message_of("wmt14-dens") == "no preset is called `wmt14-dens`\nhint: did you mean `wmt14-dense`?"
    assert message_of("zzz") == "no preset is called `zzz`\nhint: list them with `synth presets ls`"


def test_a_family_is_no_preset() -> None:
    assert (
        message_of("wmt14")
        == "`wmt14` is a family of presets, not a preset\nhint: did you mean `wmt14-dense`?"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert message_of(str(path)) == (
        f"no preset file `{path}`\nhint: give the path of a TOML file, or the name of a preset"
    )


def test_a_mistake_in_toml_names_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "wmt14-dense"\n[training\nseed = 1\n')
    assert message_of(str(path)) == (
        f"`{path}:2:10` is not TOML: expected ']' at the end of a table declaration\n"
        "hint: correct that line; see https://toml.io"
    )


def test_a_file_that_is_not_utf8_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'title = "\xff"\n')
    assert message_of(str(path)) == f"`{path}` is not UTF-8 at byte 9\nhint: save the file as UTF-8"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as caught:
        read_toml(tmp_path)
    assert str(caught.value) == f"cannot read `{tmp_path}`: is a directory\nhint: check the path"


def test_a_parent_is_a_name_or_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = "wmt14-dense"\n')
    assert find_preset_file("base.toml", tmp_path) == tmp_path / "base.toml"
    assert find_preset_file("wmt14", tmp_path) == library_files()["wmt14"]


def test_presets_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(SynthError) as caught:
        inherit_preset(tmp_path / "a.toml")
    assert str(caught.value) == (
        "presets extend each other in a circle: `a.toml` → `b.toml` → `a.toml`\nhint: remove one `extends`"
    )


def test_a_preset_has_one_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('extends = ["wmt14", "lm1b"]\n')
    with pytest.raises(SynthError) as caught:
        inherit_preset(path)
    assert str(caught.value) == (
        '`extends` = ["wmt14", "lm1b"] in `a.toml` is not one name\n'
        "hint: a preset extends one parent: its name, or the path of its file"
    )


def test_names_and_unknown_names_cost_no_torch() -> None:
    code = """
import sys
from synthcli.errors import SynthError
from synthcli.presets import load_preset, preset_names
assert len(preset_names()) >= 36
try:
    load_preset("wmt14-dens")
except SynthError as error:
    assert error.hint == "did you mean `wmt14-dense`?", error.hint
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_suite_of_the_reproduction_is_the_one_that_the_readme_trains() -> None:
    readme = (files_on_disk()[0].parents[1] / "README.md").read_text()
    found = re.search(r"`synth train \{([^}]+)\}-\{([^}]+)\}`", readme)
    assert found is not None
    names = {f"{family}-{variant}" for family in found[1].split(",") for variant in found[2].split(",")}
    assert len(names) == 21 and names <= set(preset_names())
