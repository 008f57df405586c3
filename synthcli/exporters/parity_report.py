"""The parity report: a process without the project opens the folder and compares it with the reference."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from synthcli.atomic_files import hold_temporary_folder
from synthcli.children import Children
from synthcli.disk import guard_write
from synthcli.errors import WorkFailedError
from synthcli.exporters.parity.report import ParityReport
from synthcli.exporters.parity_reference import ParityReference

REPORT = "PARITY.json"
SCRIPTS = Path(__file__).with_name("parity")
START = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('parity', run_name='__main__')"
)
ELSEWHERE = "set `TMPDIR` to another folder"
PASSING = "synth-parity-"  # what a killed process left of this name goes when the next one begins
LAST_LINES = 3  # of what a process that failed said


class Certificate(ParityReport):
    """What `PARITY.json` says of a folder, and which exporter wrote it."""

    exporter: str


def check_parity(folder: Path, check: str, reference: ParityReference, **facts: object) -> Certificate:
    """Write `PARITY.json` into the folder and return it; raises where it does not hold.

    The process knows the standard library and what is installed; importing the project is refused there.
    """
    temporary = Path(tempfile.gettempdir())
    with (
        guard_write("what is compared", temporary, ELSEWHERE),
        hold_temporary_folder(temporary, PASSING) as place,
    ):
        name = str(place)
        (place / "parity").mkdir()
        for script in SCRIPTS.glob("*.py"):
            shutil.copyfile(script, place / "parity" / script.name)
        reference.save(place / "expected.safetensors", **facts)
        command = [sys.executable, "-I", "-c", START, name, check, str(folder.resolve())]
        files = [str(place / "expected.safetensors"), str(place / REPORT)]
        code, errors = run(command + files, cwd=name, env=_make_environment(reference))
        if code:
            said = " | ".join(errors.strip().splitlines()[-LAST_LINES:])
            raise WorkFailedError(f"the exported folder does not open without the project: {said}", KEPT)
        report: ParityReport = json.loads((place / REPORT).read_text(encoding="utf-8"))
    if not report["holds"]:
        raise WorkFailedError(
            f"the exported model computes something else: {'; '.join(report['reasons'])}", KEPT
        )
    certificate: Certificate = {"exporter": str(facts["exporter"]), **report}
    (folder / REPORT).write_text(json.dumps(certificate, indent=2) + "\n", encoding="utf-8")
    return certificate


def run(command: list[str], cwd: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end, or to that of this process; return its code and what it says of errors."""
    with Children() as children:
        process = children.start(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, errors = process.communicate()
    return process.returncode, errors.decode(errors="replace")


KEPT = "nothing was written; the checkpoint is as it was"


def _make_environment(reference: ParityReference) -> dict[str, str]:
    """Return the environment of the process: as many threads as ours had, and no network."""
    threads = str(reference.facts["threads"])
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return {**os.environ, **offline, "OMP_NUM_THREADS": threads}
