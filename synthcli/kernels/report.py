"""What a build did, as `built.json` beside the libraries says it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError
from synthcli.safe_read import read_json

FILE = "built.json"
STATUSES = ("built", "failed", "off", "absent")
TARGETS = {"cpu": "targets", "cuda": "architectures"}  # what a library is compiled for, in the file's words


@dataclass(frozen=True)
class LibraryPart:
    """One library of a build: `built`, `failed`, `off` (not asked for) or `absent` (no compiler).

    `sha256` is that of the file: a damaged one can end the process that loads it.
    """

    status: str
    compiler: str = ""
    version: str = ""
    targets: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    sha256: str = ""

    @property
    def is_built(self) -> bool:
        return self.status == "built"


@dataclass(frozen=True)
class BuildReport:
    """A build: the version of the C interface, the hash of the sources, and each library."""

    abi: int
    sources: str
    cpu: LibraryPart
    cuda: LibraryPart

    @property
    def parts(self) -> dict[str, LibraryPart]:
        return {"cpu": self.cpu, "cuda": self.cuda}

    def but(self, parts: Mapping[str, LibraryPart]) -> "BuildReport":
        """Return the report with other words on some libraries."""
        return BuildReport(self.abi, self.sources, **{**self.parts, **parts})


def entry_of_part(kind: str, part: LibraryPart) -> dict[str, object]:
    """Return a library's entry of `built.json`."""
    return {TARGETS[kind] if key == "targets" else key: value for key, value in asdict(part).items()}


def as_text(report: BuildReport) -> str:
    parts = {kind: entry_of_part(kind, part) for kind, part in report.parts.items()}
    return json.dumps({"abi": report.abi, "sources": report.sources, **parts}, indent=2) + "\n"


def read_report(folder: Path) -> BuildReport | None:
    """Return the report of a folder, or None where there is none that can be read."""
    try:
        data = read_json(folder / FILE)
        parts = {kind: _read_part(kind, data[kind]) for kind in TARGETS}
        return BuildReport(int(data["abi"]), str(data["sources"]), **parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SynthError):
        return None


def _read_part(kind: str, data: dict[str, Any]) -> LibraryPart:
    entry = dict(data)
    entry["targets"] = tuple(str(one) for one in entry.pop(TARGETS[kind]))
    if entry["status"] not in STATUSES:
        raise ValueError(entry["status"])
    return LibraryPart(**entry)
