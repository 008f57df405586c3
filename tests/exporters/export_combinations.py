"""Every mixer, block and task in onnxruntime, or as a program of torch.

Takes a second or more a program, so the suite runs a few of them. Prints a line each; exits with 1 where a
program differs from the model, or cannot be made.

    python -m tests.exporters.export_combinations onnx seq2seq     all seq2seq models
    python -m tests.exporters.export_combinations torch "| skipless |"
"""

import sys
import tempfile
from pathlib import Path

from synthcli.exporters.programs import FORMS, Form
from synthcli.exporters.programs.trace import trace_form
from tests.model.combinations import COMBINATIONS

from .program_sizes import bundle_of, config_of, largest_difference
from .test_programs import in_onnxruntime

TOLERANCE = 1e-4


def difference(kind: str, form: Form, path: Path) -> float:
    if kind == "torch":
        return largest_difference(form, trace_form(form).module())
    return largest_difference(form, in_onnxruntime(form, path))


def main(kind: str, words: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for combination in COMBINATIONS:
            name = " | ".join(combination)
            if words and not any(word in name for word in words):
                continue
            bundle = bundle_of(config_of(*combination, layers=2))
            for form in FORMS[combination[0]](bundle):
                try:
                    found = difference(kind, form, Path(folder) / "model.onnx")
                except Exception as error:
                    found, said = float("nan"), f"{type(error).__name__}: {str(error)[:200]!r}"
                else:
                    said = f"{found:.1e}"
                holds = found <= TOLERANCE
                failed += not holds
                print("ok    " if holds else "FAILED", name, "|", form.name, "|", said, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
