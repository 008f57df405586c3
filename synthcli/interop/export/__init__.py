"""Formats a model can leave in. Adding one is a file here, one in `parity`, and a line in `EXPORTERS`."""

from synthcli.interop.export.hugging_face import write_hugging_face
from synthcli.interop.export.leaving import Exporter
from synthcli.interop.export.tensors import write_tensors

EXPORTERS: dict[str, Exporter] = {
    "hf": Exporter(
        write_hugging_face,
        check="hugging_face_folder",
        tolerance=1e-5,
        title="a folder that transformers loads, with tokenizer and model card",
        needs=("transformers",),
        extra="hf",
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
