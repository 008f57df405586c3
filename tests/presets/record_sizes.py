"""Write `synthcli/presets/sizes.json`: how large every model of the library is, at every scale."""

import json

from synthcli.cli.presets import scales_of
from synthcli.model import ModelConfig
from synthcli.presets import load_preset, preset_names
from synthcli.presets.sizes import RECORD, Size, key_of, measure


def models_of_the_library() -> dict[str, str]:
    """Return every model's configuration as JSON, with the preset and the scale that have it first."""
    found: dict[str, str] = {}
    for name in preset_names():
        for scale in scales_of(name):
            found.setdefault(load_preset(name, scale).model.model_dump_json(), f"{name} at {scale}")
    return found


def measured() -> dict[str, Size]:
    """Build every model of the library, and return its size by its key in the record."""
    return {key_of(text): measure(ModelConfig.model_validate_json(text)) for text in models_of_the_library()}


def text_of(sizes: dict[str, Size]) -> str:
    """Return the record, a line a model."""
    lines = [f'"{key}": {json.dumps(list(vars(size).values()))}' for key, size in sorted(sizes.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    RECORD.write_text(text_of(measured()))
