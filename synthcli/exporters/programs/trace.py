"""From a form to a program of torch: every free axis stays free.

Torch notes sizes that it took tensors not to have, such as a batch or a length of 1. These decide how memory
is laid out between, never values, and a program would refuse them: such notes are dropped. Those of sizes
that must be equal, or no larger than a table, are kept.
"""

import inspect
import re
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from synthcli.exporters.programs.form import PAST, Form

Shape = dict[int, object]  # what torch is told of each free axis
SYMBOL = re.compile(r"\bs\d+\b")  # how torch calls a size


def trace_form(form: Form) -> ExportedProgram:
    """Trace a form; sizes of free axes are names in the program."""
    dimensions: dict[str, object] = {}
    shapes = tuple(
        {axis: dimensions.setdefault(name, _dimension(form, name)) for axis, name in port.axes.items()}
        for port in form.inputs
    )
    arguments = tuple(port.example for port in form.inputs)
    sizes = _match_parameters(form, shapes)
    torch.compiler.reset()  # sizes that were constants in what this process traced before need not be here
    # sizes 0 and 1 are sizes like others: nothing is traced for them alone
    oblivious = torch.fx.experimental._config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]  # torch's own, untyped
    with torch.no_grad(), warnings.catch_warnings(), oblivious:
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about its own tree specifications
        program = torch.export.export(form.module, arguments, dynamic_shapes=sizes, strict=False)
    program._guards_code = [guard for guard in program._guards_code if "==" in guard or "<=" in guard]
    _free_past(program, form)
    return program


def _free_past(program: ExportedProgram, form: Form) -> None:
    """Let what is kept of earlier positions be as long as the notes allow that are kept.

    They bound the sum of what is kept and what is read. Torch bounds the first by itself, too, and takes the
    second to be 2 or more: a text could never be written to its last position.
    """
    for port, tensor in zip(form.inputs, _get_traced_inputs(program), strict=True):
        for axis in (axis for axis, name in port.axes.items() if name == PAST):
            symbol = tensor.shape[axis]
            assert isinstance(symbol, torch.SymInt)  # a free axis
            size = symbol.node.expr
            program.range_constraints[size] = ValueRanges(program.range_constraints[size].lower, int_oo)


def _get_traced_inputs(program: ExportedProgram) -> list[Tensor]:
    """Return what a program was traced with, in the form's order; free axes have symbols for sizes."""
    given = {
        spec.arg.name for spec in program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT
    }
    return [node.meta["val"] for node in program.graph.nodes if node.name in given]


def axis_names(program: ExportedProgram, form: Form) -> dict[str, str]:
    """Return the form's name of every size that is free in a program, by the symbol torch gave it."""
    return {
        str(tensor.shape[axis]): name
        for port, tensor in zip(form.inputs, _get_traced_inputs(program), strict=True)
        for axis, name in port.axes.items()
    }


def output_shapes(program: ExportedProgram, form: Form) -> dict[str, list[int | str]]:
    """Return the shape of every output, free axes by the form's names."""
    names, found = axis_names(program, form), program.graph.output_node().args
    results = found[0]
    return {
        output: [
            size if isinstance(size, int) else rename_sizes(str(size), names)
            for size in node.meta["val"].shape
        ]
        for output, node in zip(form.outputs, results, strict=True)
    }


def rename_sizes(size: str, names: Mapping[str, str]) -> str:
    """Return a size with the names of its symbols; in a sum what was before stands first."""
    named = SYMBOL.sub(lambda symbol: names.get(symbol[0], symbol[0]), size)
    if "(" in named:
        return named
    return " + ".join(sorted(named.split(" + "), key=lambda term: term != PAST))


def _dimension(form: Form, name: str) -> object:
    longest = form.longest.get(name)
    return Dim.DYNAMIC if longest is None else Dim.DYNAMIC(max=longest)


def _match_parameters(form: Form, shapes: tuple[Shape, ...]) -> tuple[Shape | tuple[Shape, ...], ...]:
    """Return the shapes as the module's own parameters are named: variadic ones are a tuple of their own."""
    code = inspect.unwrap(type(form.module).forward).__code__
    fixed, has_more = code.co_argcount - 1, bool(code.co_flags & inspect.CO_VARARGS)
    return (*shapes[:fixed], shapes[fixed:]) if has_more and len(shapes) > fixed else shapes
