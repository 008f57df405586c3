"""A folder of ONNX models, run by onnxruntime."""

from pathlib import Path

import onnxruntime

from .compare import compare_all
from .programs import Programs
from .reference import Array, RecordedModel
from .report import ParityReport


def check_folder(folder: Path, recorded: RecordedModel) -> ParityReport:
    sessions: dict[str, onnxruntime.InferenceSession] = {}

    def call(name: str, inputs: dict[str, Array]) -> list[Array]:
        if name not in sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = recorded.facts["threads"]
            providers = ["CPUExecutionProvider"]
            sessions[name] = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers)
        return list(sessions[name].run(None, inputs))

    return compare_all(Programs(folder, call, {"onnxruntime": onnxruntime.__version__}), recorded)
