"""Formats a model can leave in. Adding one is a file here, one in `parity`, and a line in `EXPORTERS`."""

from synthcli.exporters.export_bundle import Exporter
from synthcli.exporters.hugging_face import write_hugging_face
from synthcli.exporters.onnx_export import write_onnx
from synthcli.exporters.safetensors_export import write_tensors
from synthcli.exporters.torch_export import write_torch

EXPORTERS: dict[str, Exporter] = {
    "hf": Exporter(
        write_hugging_face,
        check="hugging_face_folder",
        tolerance=1e-5,
        title="a folder that transformers loads, with tokenizer and model card",
        needs=("transformers",),
        extra="hf",
    ),
    "onnx": Exporter(
        write_onnx,
        check="onnx_folder",
        tolerance=1e-4,
        title="ONNX models for any batch and length, decoders with their state as inputs and outputs",
        needs=("onnx", "onnxscript", "onnxruntime"),
        extra="onnx",
    ),
    "torch": Exporter(
        write_torch,
        check="torch_folder",
        tolerance=1e-5,
        title="programs of torch.export, which torch opens without the code of a model",
    ),
    "safetensors": Exporter(
        write_tensors,
        check="safetensors_folder",
        tolerance=1e-5,
        title="weights, configuration and tokenizer: a checkpoint of `synth`, nothing to run",
        is_checkpoint=True,
    ),
}

__all__ = ["EXPORTERS", "Exporter"]
