"""Programs of torch and of ONNX: the same numbers as the model at every batch, length and past."""

import json
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor

from synthcli.interop.export.leaving import ExportOptions
from synthcli.interop.export.onnx_models import OPSET, converted
from synthcli.interop.export.programs import FORMS, Form
from synthcli.interop.export.programs.exported import exported
from synthcli.interop.export.programs.interface import write_interface
from synthcli.interop.export.recording import greedy
from synthcli.interop.export.torch_programs import write_torch
from synthcli.model import TASKS

from .program_sizes import LONGEST, config_of, largest_difference, leaving_of
from .tiny_models import TOKENIZER

ONE_OF_EACH = [
    ("causal-lm", "skipless", "shaped, full projections"),
    ("causal-lm", "recurrent", "srupp"),
    ("masked-lm", "recurrent", "sru, bidirectional"),
    ("seq2seq", "parallel", "random + dense, gate"),
    ("classification", "pre-norm", "factorized-dense"),
]


def forms_of(task: str, block: str, mixer: str, **more: Any) -> dict[str, Form]:
    leaving = leaving_of(config_of(task, block, mixer, **more))
    return {form.name: form for form in FORMS[task](leaving)}


@pytest.mark.parametrize(("task", "block", "mixer"), ONE_OF_EACH)
def test_a_program_of_torch_computes_the_same_at_other_sizes(task: str, block: str, mixer: str) -> None:
    for form in forms_of(task, block, mixer).values():
        assert largest_difference(form, exported(form).module()) < 1e-5


def test_the_examples_cover_every_task() -> None:
    assert {task for task, _, _ in ONE_OF_EACH} == set(TASKS) == set(FORMS)


def in_onnxruntime(form: Form, path: Path) -> Any:
    """Return a function of tensors that runs the form in onnxruntime."""
    converted(form, OPSET).save(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]
    assert names == [port.name for port in form.inputs]
    assert [port.name for port in session.get_outputs()] == list(form.outputs)

    def run(*inputs: Tensor) -> list[Tensor]:
        named = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return [torch.from_numpy(output) for output in session.run(None, named)]

    return run


@pytest.mark.parametrize(
    ("block", "mixer"), [("pre-norm", "random + dot-product, softmax"), ("recurrent", "sru")]
)
def test_a_step_in_onnxruntime_computes_the_same_at_other_sizes(
    tmp_path: Path, block: str, mixer: str
) -> None:
    form = forms_of("causal-lm", block, mixer)["step"]
    assert largest_difference(form, in_onnxruntime(form, tmp_path / "step.onnx")) < 1e-5


def test_a_model_that_chooses_reads_several_texts_a_row() -> None:
    head = {"output": "choice", "pool": "first"}
    (form,) = forms_of("classification", "pre-norm", "dot-product", head=head, num_classes=None).values()
    assert dict(form.inputs[0].axes) == {0: "batch", 1: "choices", 2: "length"}
    assert largest_difference(form, exported(form).module()) < 1e-5


def test_a_program_refuses_what_is_longer_than_its_tables() -> None:
    form = forms_of("causal-lm", "pre-norm", "random")["model"]
    program = exported(form).module()
    with pytest.raises(AssertionError, match=f"<= {LONGEST}"):
        program(torch.zeros(1, LONGEST + 1, dtype=torch.long))


def test_the_interface_names_free_axes_and_what_comes_first(tmp_path: Path) -> None:
    leaving = leaving_of(config_of("causal-lm", "pre-norm", "dot-product"))
    write_interface(tmp_path, leaving, FORMS["causal-lm"](leaving), ".onnx")
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


@pytest.mark.parametrize(
    ("task", "block", "mixer"), [("causal-lm", "recurrent", "sru"), ("seq2seq", "pre-norm", "dot-product")]
)
def test_the_page_of_a_folder_shows_code_that_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: str,
    block: str,
    mixer: str,
) -> None:
    leaving = leaving_of(config_of(task, block, mixer, vocab_size=TOKENIZER.vocab_size))
    write_torch(leaving, tmp_path, ExportOptions())
    code = (tmp_path / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code, found)
    source = found["tokenizer"].encode("Two dogs play in the snow.").ids
    prompt = torch.tensor(source[: 32 if task == "seq2seq" else LONGEST // 2])
    with torch.no_grad():
        expected, _ = greedy(leaving, leaving.model, prompt, len(found["written"]))
    assert found["written"] == expected.tolist()
    assert len(found["written"]) > 2
    assert capsys.readouterr().out == found["tokenizer"].decode(found["written"]) + "\n"
