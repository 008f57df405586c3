"""Programs of torch and of ONNX: the same numbers as the model at every batch, length and past."""

import errno
import json
import re
import resource
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from synthcli.exporters.export_bundle import ExportOptions
from synthcli.exporters.onnx_export import OPSET, convert_form, write_onnx
from synthcli.exporters.programs import FORMS, Form
from synthcli.exporters.programs.form import BATCH, LENGTH, PAST, SOURCE
from synthcli.exporters.programs.interface import write_interface
from synthcli.exporters.programs.trace import output_shapes, trace_form
from synthcli.exporters.torch_export import write_torch
from synthcli.model import TASKS

from .program_pages import expected, shown
from .program_sizes import LONGEST, arguments, bundle_of, config_of, largest_difference
from .tiny_models import TOKENIZER

pytestmark = pytest.mark.slow

ONE_OF_EACH = [
    ("causal-lm", "skipless", "shaped, full projections", "model"),
    ("causal-lm", "recurrent", "srupp", "step"),
    ("masked-lm", "recurrent", "sru, bidirectional", "model"),
    ("seq2seq", "parallel", "random", "decoder_step"),
    ("classification", "pre-norm", "factorized-dense", "model"),
]  # programs take seconds to make: `export_matrix` and `export_combinations` make the others


def forms_of(task: str, block: str, mixer: str, **more: Any) -> dict[str, Form]:
    bundle = bundle_of(config_of(task, block, mixer, **more))
    return {form.name: form for form in FORMS[task](bundle)}


@pytest.mark.parametrize(("task", "block", "mixer", "name"), ONE_OF_EACH)
def test_a_program_of_torch_computes_the_same_at_other_sizes(
    task: str, block: str, mixer: str, name: str
) -> None:
    form = forms_of(task, block, mixer)[name]
    assert largest_difference(form, trace_form(form).module()) < 1e-5


def test_what_was_traced_before_decides_no_size() -> None:
    form = forms_of("causal-lm", "recurrent", "srupp")["step"]
    ids, *state = (
        {axis: torch.export.Dim.DYNAMIC for axis, name in port.axes.items() if name == BATCH}
        for port in form.inputs
    )
    inputs = tuple(port.example for port in form.inputs)
    with torch.no_grad():
        torch.export.export(form.module, inputs, dynamic_shapes=(ids, tuple(state)), strict=False)
    assert largest_difference(form, trace_form(form).module()) < 1e-5


def test_the_examples_cover_every_task() -> None:
    assert {task for task, *_ in ONE_OF_EACH} == set(TASKS) == set(FORMS)


def in_onnxruntime(form: Form, path: Path) -> Any:
    """Return a function of tensors that runs the form in onnxruntime."""
    convert_form(form, OPSET).save(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]
    assert names == [port.name for port in form.inputs]
    assert [port.name for port in session.get_outputs()] == list(form.outputs)

    def run(*inputs: Tensor) -> list[Tensor]:
        named = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return [torch.from_numpy(output) for output in session.run(None, named)]

    return run


def test_a_recurrence_in_onnxruntime_computes_the_same_at_other_sizes(tmp_path: Path) -> None:
    form = forms_of("causal-lm", "recurrent", "sru", embeddings={"positions": "none"})["step"]
    assert largest_difference(form, in_onnxruntime(form, tmp_path / "step.onnx")) < 1e-5


def test_a_model_that_chooses_reads_several_texts_a_row() -> None:
    head = {"output": "choice", "pool": "first"}
    (form,) = forms_of("classification", "pre-norm", "dot-product", head=head, num_classes=None).values()
    assert dict(form.inputs[0].axes) == {0: "batch", 1: "choices", 2: "length"}
    assert largest_difference(form, trace_form(form).module()) < 1e-5


def test_a_program_refuses_what_is_longer_than_its_tables() -> None:
    form = forms_of("causal-lm", "pre-norm", "random")["model"]
    program = trace_form(form).module()
    with pytest.raises(AssertionError, match=f"<= {LONGEST}"):
        program(torch.zeros(1, LONGEST + 1, dtype=torch.long))


@pytest.mark.parametrize(("task", "name"), [("causal-lm", "step"), ("seq2seq", "decoder_step")])
def test_a_text_is_written_to_its_last_position_and_no_further(task: str, name: str) -> None:
    form = forms_of(task, "pre-norm", "dense", layers=2)[name]
    program, sizes = trace_form(form).module(), {BATCH: 2, SOURCE: 5, LENGTH: 1}
    for before in (0, 1, LONGEST - 1):
        inputs = arguments(form, {**sizes, PAST: before})
        torch.testing.assert_close(program(*inputs), form.module(*inputs))
    with pytest.raises(AssertionError, match=f"<= {LONGEST}"):
        program(*arguments(form, {**sizes, PAST: LONGEST}))


def test_the_interface_names_free_axes_and_what_comes_first(tmp_path: Path) -> None:
    bundle = bundle_of(config_of("causal-lm", "pre-norm", "dot-product"))
    forms = FORMS["causal-lm"](bundle)
    shapes = {form.name: output_shapes(trace_form(form), form) for form in forms}
    write_interface(tmp_path, bundle, forms, ".onnx", shapes)
    table = json.loads((tmp_path / "interface.json").read_text())
    assert (table["task"], table["begin"], table["end"], table["longest_target"]) == (
        "causal-lm",
        1,
        2,
        LONGEST,
    )
    step = table["programs"]["step"]
    assert step["file"] == "step.onnx"
    assert step["inputs"] == [
        {"name": "input_ids", "type": "int64", "shape": ["batch", "length"]},
        *(
            {"name": name, "type": "float32", "shape": ["batch", 2, "past_length", 8], "initial": "empty"}
            for name in ("past.blocks.0.mixer.values", "past.blocks.0.mixer.keys.0")
        ),
    ]
    names = ["logits", "present.blocks.0.mixer.values", "present.blocks.0.mixer.keys.0"]
    assert step["outputs"] == names
    assert step["output_shapes"] == {
        "logits": ["batch", "length", 31],
        **{name: ["batch", 2, "past_length + length", 8] for name in names[1:]},
    }


def test_axes_of_onnx_have_the_names_of_the_interface(tmp_path: Path) -> None:
    """As two readers find them who know names alone."""
    bundle = bundle_of(config_of("causal-lm", "pre-norm", "dot-product"))
    write_onnx(bundle, tmp_path, ExportOptions())
    programs = json.loads((tmp_path / "interface.json").read_text())["programs"]
    assert programs.keys() == {"model", "step"}
    for program in programs.values():
        graph = onnx.load(tmp_path / program["file"]).graph
        session = onnxruntime.InferenceSession(tmp_path / program["file"])
        inputs = {port["name"]: port["shape"] for port in program["inputs"]}
        for ports, wanted in (("input", inputs), ("output", program["output_shapes"])):
            assert {port.name: sizes_in(port) for port in getattr(graph, ports)} == wanted
            found = getattr(session, f"get_{ports}s")()
            assert {port.name: port.shape for port in found} == wanted
        symbols = {size for value in graph.value_info for size in sizes_in(value) if isinstance(size, str)}
        assert symbols and not [size for size in symbols if re.search(r"\bs\d", size)]


def sizes_in(port: Any) -> list[int | str]:
    """Return the sizes of an input or output of ONNX: a number, or a name."""
    dimensions = port.type.tensor_type.shape.dim
    return [size.dim_param if size.HasField("dim_param") else size.dim_value for size in dimensions]


def test_a_consumer_runs_a_model_by_name_alone(tmp_path: Path) -> None:
    """As transformers.js does: it knows the names of inputs, gives those there are, and takes logits."""
    config = config_of("classification", "pre-norm", "dot-product", embeddings={"token_types": 2})
    bundle = bundle_of(config)
    write_onnx(bundle, tmp_path, ExportOptions())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    known = {"input_ids", "attention_mask", "token_type_ids"}
    assert {port.name for port in session.get_inputs()} == known
    for batch, length in ((1, 1), (3, LONGEST), (2, 5)):
        tokens = torch.randint(0, config.vocab_size, (batch, length))
        padding = torch.arange(length) >= torch.arange(1, batch + 1)[:, None] * length // batch
        given = {"input_ids": tokens, "attention_mask": (~padding).long(), "token_type_ids": tokens % 2}
        (logits,) = session.run(["logits"], {name: tensor.numpy() for name, tensor in given.items()})
        with torch.no_grad():
            expected_logits = bundle.model(tokens, padding=padding, token_types=tokens % 2)
        torch.testing.assert_close(torch.from_numpy(logits), expected_logits, rtol=1e-4, atol=1e-5)


def test_the_page_of_a_folder_shows_code_that_runs(tmp_path: Path) -> None:
    bundle = bundle_of(config_of("causal-lm", "recurrent", "sru", vocab_size=TOKENIZER.vocab_size))
    write_torch(bundle, tmp_path, ExportOptions())
    names, printed = shown(tmp_path)
    assert names["written"] == expected(bundle, names)
    assert len(names["written"]) > 2
    assert printed == names["tokenizer"].decode(names["written"]) + "\n"


def test_a_program_that_cannot_be_written_whole_ends_no_process(tmp_path: Path) -> None:
    """The system itself refuses files of more than 4 KiB; torch's own writing would end this process."""
    bundle = bundle_of(config_of("causal-lm", "recurrent", "sru", vocab_size=TOKENIZER.vocab_size))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            write_torch(bundle, tmp_path, ExportOptions())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
