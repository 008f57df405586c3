"""`onnx`: a model a form, by torch's own exporter, for any batch and length."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from synthcli.interop.export.leaving import ExportOptions, Leaving
from synthcli.interop.export.programs import FORMS, Form
from synthcli.interop.export.programs.exported import exported
from synthcli.interop.export.programs.readme import write_about

SUFFIX, OPSET = ".onnx", 20
LARGEST_FILE = 2**31 - 2**24  # of a protocol buffer; larger weights stand beside it


def write_onnx(leaving: Leaving, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with a model a form, their interface and the tokenizer."""
    forms = FORMS[leaving.config.task](leaving)
    for form in forms:
        path = folder / f"{form.name}{SUFFIX}"
        converted(form, options.opset or OPSET).save(path, external_data=bytes_of(form) > LARGEST_FILE)
    write_about(folder, leaving, forms, SUFFIX)


def converted(form: Form, opset: int) -> Any:
    """Return the ONNX program of a form."""
    program = exported(form)
    with quiet():
        return torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=[port.name for port in form.inputs],
            output_names=list(form.outputs),
            verbose=False,
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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


def bytes_of(form: Form) -> int:
    """Return the size of a form's parameters and buffers."""
    tensors = {id(t): t for t in (*form.module.parameters(), *form.module.buffers())}
    return sum(tensor.nbytes for tensor in tensors.values())
