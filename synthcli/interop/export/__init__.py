"""Formats a model can leave in. Adding one is a file here, one in `parity`, and a line in `EXPORTERS`."""

from synthcli.interop.export.leaving import Exporter
from synthcli.interop.export.tensors import write_tensors

EXPORTERS: dict[str, Exporter] = {
    "safetensors": Exporter(
        write_tensors,
        check="safetensors_folder",
        tolerance=1e-5,
        title="weights, configuration and tokenizer: a checkpoint of `synth`, nothing to run",
        is_checkpoint=True,
    ),
}

__all__ = ["EXPORTERS", "Exporter"]
