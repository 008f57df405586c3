"""`torch`: programs of torch.export, which `torch.export.load` opens without any code of a model."""

import io
from pathlib import Path

import torch

from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.programs import FORMS
from synthcli.exporters.programs.interface import Shapes
from synthcli.exporters.programs.readme import write_readme
from synthcli.exporters.programs.trace import output_shapes, trace_form

SUFFIX = ".pt2"


def write_torch(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with a program a form, their interface and the tokenizer."""
    forms, shapes = FORMS[bundle.config.task](bundle), Shapes()
    for form in forms:
        # into memory first: torch ends the process where a disk refuses the rest of its own file
        program, traced = io.BytesIO(), trace_form(form)
        shapes[form.name] = output_shapes(traced, form)
        traced.example_inputs = None  # else a pickle of them goes with it, which can run any code
        torch.export.save(traced, program)
        (folder / f"{form.name}{SUFFIX}").write_bytes(program.getbuffer())
    write_readme(folder, bundle, forms, SUFFIX, shapes)
