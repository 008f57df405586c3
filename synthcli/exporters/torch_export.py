"""`torch`: programs of torch.export, which `torch.export.load` opens without any code of a model."""

import io
from pathlib import Path

import torch

from synthcli.exporters.export_bundle import ExportOptions, Leaving
from synthcli.exporters.programs import FORMS
from synthcli.exporters.programs.interface import Shapes
from synthcli.exporters.programs.readme import write_about
from synthcli.exporters.programs.trace import exported, output_shapes

SUFFIX = ".pt2"


def write_torch(leaving: Leaving, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with a program a form, their interface and the tokenizer."""
    forms, shapes = FORMS[leaving.config.task](leaving), Shapes()
    for form in forms:
        # into memory first: torch ends the process where a disk refuses the rest of its own file
        program, traced = io.BytesIO(), exported(form)
        shapes[form.name] = output_shapes(traced, form)
        traced.example_inputs = None  # else a pickle of them goes with it, which can run any code
        torch.export.save(traced, program)
        (folder / f"{form.name}{SUFFIX}").write_bytes(program.getbuffer())
    write_about(folder, leaving, forms, SUFFIX, shapes)
