"""`python -m tests.exporters.fresh_environment [FOLDER]`: check `hf` folders as a stranger would.

A new virtual environment gets torch, transformers and safetensors, and nothing else of ours; there every
folder of `hugging_face_cases` is opened, compared, and its card's own lines are run. The suite does the same
in its own environment. It takes some minutes, and space for another torch.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Any

from synthcli.exporters import parity_inputs
from tests.exporters import opening
from tests.exporters.hugging_face_cases import CASES, write

PACKAGES = ("torch", "transformers", "safetensors")
COLUMNS = ("max_difference", "left_padding_max_difference")


def main(place: Path) -> int:
    """Return 0 where every folder holds."""
    root, environment = place / "folders", place / "environment"
    python = make_environment(environment)
    if not root.is_dir():
        for name in CASES:
            write(name, root)
    settings = {"HF_HOME": str(place / "home"), "HF_HUB_OFFLINE": "1", "PATH": os.environ["PATH"]}
    command = [str(python), "-I", opening.__file__, str(Path(parity_inputs.__file__).parent), str(root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=settings, cwd=place, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    for name, report in found.items():
        sys.stdout.write(line(name, report) + "\n")
    failed = sum(not report["holds"] for report in found.values())
    sys.stdout.write(f"{len(found) - failed} of {len(found)} folders hold\n")
    return int(failed > 0)


def make_environment(environment: Path) -> Path:
    """Make it with the versions that are installed here, and return its Python."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        wanted = [f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
    listed = subprocess.run([str(python), "-m", "pip", "list"], capture_output=True, text=True, check=True)
    installed = {row.split()[0] for row in listed.stdout.splitlines()[2:]}
    assert not installed & {"synthcli", "jaxtyping", "sentencepiece"}, installed
    return python


def line(name: str, report: dict[str, Any]) -> str:
    if not report["holds"]:
        return f"{name:34} {'; '.join(report['reasons'])}"
    greedy, kind = report["greedy"], "its own code" if report["runs_own_code"] else "transformers'"
    steps = f", {greedy['tokens']} tokens {greedy['agreement']:.0%}"
    batch = (
        f", padded batch {greedy['padded_batch_agreement']:.0%}" if "padded_batch_agreement" in greedy else ""
    )
    differences = " ".join(f"{report.get(column) or 0:.1e}" for column in COLUMNS)
    return f"{name:34} {kind:14} {differences}{steps}{batch}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(Path(folder)))
