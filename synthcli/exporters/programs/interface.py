"""`interface.json`: what the programs of a folder take and give, for people and for whatever runs them."""

import json
from pathlib import Path

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.parity_inputs import begin_id, pad_id
from synthcli.exporters.programs.form import Form, Port

INTERFACE = "interface.json"
OutputShapes = dict[str, list[int | str]]
Shapes = dict[str, OutputShapes]


def write_interface(
    folder: Path, bundle: ExportBundle, forms: list[Form], suffix: str, shapes: Shapes
) -> None:
    """Write the names, types and shapes of every form; free axes have names in place of sizes.

    `shapes` are those of outputs, by program and name.
    """
    tokenizer = bundle.tokenizer
    table = {
        "name": bundle.name,
        "task": bundle.config.task,
        "begin": begin_id(bundle),
        "end": None if tokenizer is None else tokenizer.eos_id,
        "pad": pad_id(bundle),
        "longest_source": bundle.config.max_source_length,
        "longest_target": bundle.config.max_target_length,
        "programs": {form.name: _program(form, suffix, shapes[form.name]) for form in forms},
    }
    (folder / INTERFACE).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def _program(form: Form, suffix: str, shapes: OutputShapes) -> dict[str, object]:
    return {
        "file": f"{form.name}{suffix}",
        "inputs": [_describe_input(port) for port in form.inputs],
        "outputs": list(form.outputs),
        "output_shapes": shapes,
    }


def _describe_input(port: Port) -> dict[str, object]:
    shape = [port.axes.get(axis, size) for axis, size in enumerate(port.example.shape)]
    table: dict[str, object] = {
        "name": port.name,
        "type": str(port.example.dtype).removeprefix("torch."),
        "shape": shape,
    }
    return table if port.initial is None else table | {"initial": port.initial}
