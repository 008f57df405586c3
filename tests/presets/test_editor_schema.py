"""The JSON Schema of preset files: it takes every file of the library, and marks what synth refuses."""

import tomllib
from typing import Any

import jsonschema
import pytest

from synthcli.presets.editor_schema import preset_schema
from synthcli.presets.files import files_on_disk

VALIDATOR = jsonschema.Draft202012Validator(preset_schema())
FILES = files_on_disk()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(preset_schema())


def test_every_file_of_the_library_keeps_it() -> None:
    faults = {path.name: [error.message for error in VALIDATOR.iter_errors(tomllib.loads(path.read_text()))]
              for path in FILES}  # fmt: skip
    assert len(faults) > 150 and {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"modl": {}}, "$"),
        ({"model": {"d_modl": 3}}, "$.model"),
        ({"training": {"steps": "many"}}, "$.training.steps"),
        ({"scale": {"smoke": {"training": {"stps": 3}}}}, "$.scale.smoke.training"),
        ({"scale": {"smoke": {"name": "other"}}}, "$.scale.smoke"),
        ({"model": {"mixer": {"kind": "atention"}}}, "$.model.mixer"),
        ({"extends": ["a", "b"]}, "$.extends"),
    ],
)
def test_a_mistake_is_marked_where_it_stands(table: dict[str, Any], place: str) -> None:
    assert [error.json_path for error in VALIDATOR.iter_errors(table)] == [place]
