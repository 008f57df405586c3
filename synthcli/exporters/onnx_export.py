"""`onnx`: a model a form, by torch's own exporter, for any batch and length."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram

from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.programs import FORMS, Form
from synthcli.exporters.programs.interface import Shapes
from synthcli.exporters.programs.readme import write_readme
from synthcli.exporters.programs.trace import axis_names, output_shapes, rename_sizes, trace_form

if TYPE_CHECKING:
    import onnx_ir

SUFFIX, OPSET = ".onnx", 20
LARGEST_FILE = 2**31 - 2**24  # of a protocol buffer; larger weights stand beside it


def write_onnx(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with a model a form, their interface and the tokenizer."""
    forms, shapes = FORMS[bundle.config.task](bundle), Shapes()
    for form in forms:
        path, program = folder / f"{form.name}{SUFFIX}", trace_form(form)
        shapes[form.name] = output_shapes(program, form)
        model = convert_form(form, options.opset or OPSET, program)
        model.save(path, external_data=_count_bytes(form) > LARGEST_FILE)
    write_readme(folder, bundle, forms, SUFFIX, shapes)


def convert_form(form: Form, opset: int, program: ExportedProgram | None = None) -> torch.onnx.ONNXProgram:
    """Return the ONNX program of a form; free axes have the names that `interface.json` gives them."""
    program = program or trace_form(form)
    names = axis_names(program, form)
    with _silence_exporter():
        found = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=[port.name for port in form.inputs],
            output_names=list(form.outputs),
            verbose=False,
        )
    assert found is not None  # as `dynamo` gives a program
    _name_axes(found.model, names)
    return found


def _name_axes(model: "onnx_ir.Model", names: Mapping[str, str]) -> None:
    """Give the sizes of every tensor of a model their names in place of torch's symbols."""
    from onnx_ir import Shape, Value
    from onnx_ir.traversal import RecursiveGraphIterator

    values: list[Value] = [*model.graph.inputs]
    for node in RecursiveGraphIterator(model.graph):
        values += node.outputs
    for value in values:
        if value.shape is not None:
            value.shape = Shape([_rename_size(size, names) for size in value.shape])


def _rename_size(size: "int | onnx_ir.SymbolicDim", names: Mapping[str, str]) -> int | str | None:
    """Return a number as it is, a size that is free by its name, None where nobody knows it."""
    value = size if isinstance(size, int) else size.value
    return rename_sizes(value, names) if isinstance(value, str) else value


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Keep the exporter's own reports from the terminal."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _count_bytes(form: Form) -> int:
    """Return the size of a form's parameters and buffers."""
    tensors = {id(t): t for t in (*form.module.parameters(), *form.module.buffers())}
    return sum(tensor.nbytes for tensor in tensors.values())
