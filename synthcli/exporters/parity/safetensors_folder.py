"""A folder of weights and configuration: it holds the tensors it should, bit for bit.

There is nothing to run in it, so differences are those between the recorded logits and what the project
computes from the folder, which it recorded too (`again`).
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import safetensors
from safetensors import safe_open

from .compare import compare_logits, verdict
from .reference import RecordedModel
from .report import ParityReport


def check_folder(folder: Path, recorded: RecordedModel) -> ParityReport:
    json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected, found = recorded.facts["sha256"], digests(folder / "model.safetensors")
    cases = []
    for case in recorded.cases:
        assert case.again is not None
        cases.append(compare_logits(case, case.again, recorded.facts["task"]))
    report = verdict(recorded, cases, None)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        report["holds"] = False
        report["reasons"].append(f"tensors differ from those of the model: {', '.join(wrong)}")
    versions = {"safetensors": safetensors.__version__, "numpy": np.__version__}
    return report | {"tensors": len(found), "runs_without_project": False, "versions": versions}


def digests(path: Path) -> dict[str, str]:
    """Return the sha256 of each tensor's bytes."""
    with safe_open(path, framework="numpy") as file:
        return {
            name: hashlib.sha256(np.ascontiguousarray(file.get_tensor(name)).tobytes()).hexdigest()
            for name in file.keys()  # noqa: SIM118
        }
