"""A folder of programs of torch.export, run by torch."""

from pathlib import Path

import numpy as np
import torch

from .compare import compare_all
from .programs import Programs
from .reference import Array, RecordedModel
from .report import ParityReport


def check_folder(folder: Path, recorded: RecordedModel) -> ParityReport:
    torch.set_num_threads(recorded.facts["threads"])
    modules: dict[str, torch.nn.Module] = {}

    def call(name: str, inputs: dict[str, Array]) -> list[Array]:
        if name not in modules:
            modules[name] = torch.export.load(folder / f"{name}.pt2").module()
        ports = programs.ports(name)
        tensors = [torch.from_numpy(np.ascontiguousarray(inputs[port["name"]])) for port in ports]
        with torch.inference_mode():
            found = modules[name](*tensors)
        return [tensor.numpy() for tensor in (found if isinstance(found, tuple) else (found,))]

    programs = Programs(folder, call, {"torch": torch.__version__})
    return compare_all(programs, recorded)
