"""onnxruntime: programs run by the names that `interface.json` gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from synthcli.jobs.export.export import export_checkpoint
from tests.clients.examples import encode
from tests.clients.programs.torch_tools import WithoutCache, plain_inputs
from tests.clients.subjects import Subject


def run_by_name(subject: Subject, folder: Path) -> None:
    """Ours by `synth export --to onnx`, transformers' own by `torch.onnx`."""
    if subject.is_own:
        run_own(subject, folder / "onnx")
    else:
        run_control(subject, folder / "model.onnx")


def run_own(subject: Subject, folder: Path) -> None:
    """Axes of a program have the names of its interface; the logits are those of the `hf` folder."""
    export_checkpoint(subject.checkpoint, "onnx", folder)
    interface = json.loads((folder / "interface.json").read_text())
    for name, program in interface["programs"].items():
        model = onnx.load(folder / program["file"])
        graph = {value.name: axes_of(value) for value in (*model.graph.input, *model.graph.output)}
        listed = {entry["name"]: entry["shape"] for entry in program["inputs"]} | program["output_shapes"]
        assert graph == listed, f"`{name}` of `interface.json`"
    first = "encoder" if subject.task == "seq2seq" else "model"
    check_logits(subject, folder / interface["programs"][first]["file"], subject.task != "seq2seq")


def axes_of(value: Any) -> list[Any]:
    """Return the name or the length of every axis."""
    axes = value.type.tensor_type.shape.dim
    return [axis.dim_param or axis.dim_value for axis in axes]


def run_control(subject: Subject, file: Path) -> None:
    model, inputs = WithoutCache(subject.load(), not subject.reads_only), plain_inputs(subject)
    names = list(inputs)
    torch.onnx.export(model, (inputs, {}), file, input_names=names, dynamo=True, verbose=False)
    check_logits(subject, file, True)


def check_logits(subject: Subject, file: Path, compares: bool) -> None:
    """Compare logits of rows of one length."""
    session = onnxruntime.InferenceSession(file)
    names = {entry.name for entry in session.get_inputs()}
    inputs = plain_inputs(subject) if not subject.is_own else {}
    inputs = inputs or rows_of_one_length(subject)
    given = {name: rows.numpy() for name, rows in inputs.items() if name in names}
    assert given.keys() == names, (given.keys(), names)
    outputs = dict(
        zip([entry.name for entry in session.get_outputs()], session.run(None, given), strict=True)
    )
    if compares:
        with torch.no_grad():
            expected = subject.load()(**inputs).logits
        found = torch.as_tensor(np.asarray(outputs.get("logits", next(iter(outputs.values())))))
        real = (
            slice(None) if expected.dim() < 3 or subject.task == "seq2seq" else inputs["attention_mask"] > 0
        )
        assert float((found[real] - expected[real]).abs().max()) < 1e-4


def rows_of_one_length(subject: Subject) -> dict[str, torch.Tensor]:
    text = ["the dog runs"] * (4 if subject.task == "choice" else 2)
    length = len(subject.tokenizer(text[0])["input_ids"])
    return encode(subject, text, length)
