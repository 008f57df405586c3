"""Write `synthcli/presets/sizes.json`: how large every model of the library is, at every scale."""

import json

from synthcli.presets import load_preset, preset_names
from synthcli.presets.catalogue import key_of_preset
from synthcli.presets.merge import values_of
from synthcli.presets.resolve import merge_tree
from synthcli.presets.scales import scales_of
from synthcli.presets.sizes import RECORD, Size, count_config_parameters, key_of


def measured() -> dict[str, Size]:
    """Build every model of the library; return its size by its configuration, and by its preset."""
    sizes: dict[str, Size] = {}
    for name in preset_names():
        for scale in scales_of(name):
            model = load_preset(name, scale).model
            key = key_of(model.model_dump_json())
            if key not in sizes:
                sizes[key] = count_config_parameters(model)
        table = values_of(merge_tree(name, None, None, ()))
        sizes[key_of_preset(table)] = sizes[key_of(load_preset(name).model.model_dump_json())]
    return sizes


def text_of(sizes: dict[str, Size]) -> str:
    """Return the record, a line a model."""
    lines = [f'"{key}": {json.dumps(list(vars(size).values()))}' for key, size in sorted(sizes.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    RECORD.write_text(text_of(measured()))
