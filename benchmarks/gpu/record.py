"""The file of results: part by part, written anew whenever a row is known, so that a kill loses nothing."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Record:
    """What is known of a device: its machine, and for each part its rows and what it came to.

    What the file holds of other parts stays.
    """

    def __init__(self, path: Path, machine: Row) -> None:
        self.path, self.machine = path, machine
        self.parts: dict[str, Any] = json.loads(path.read_text())["parts"] if path.is_file() else {}

    def begin(self, name: str) -> None:
        """Forget what was known of a part."""
        told = {key: self.machine[key] for key in ("date", "commit", "changed_since_commit")}
        self.parts[name] = {**told, "result": "unfinished", "rows": []}
        self.write()

    def add(self, name: str, row: Row) -> None:
        """Keep a row of a part."""
        self.parts[name]["rows"].append(row)
        self.write()

    def end(self, name: str, problem: str | None, seconds: float) -> str:
        """Keep what a part came to, and return it: passed if something was found and nothing failed."""
        rows = self.parts[name]["rows"]
        failed = any(row.get("result") == FAILED for row in rows)
        if problem is None and not rows:
            problem = "it found nothing"
        result = FAILED if failed or problem is not None else PASSED
        told = {} if problem is None else {"problem": problem}
        self.parts[name] |= {"result": result, "seconds": round(seconds, 1), **told}
        self.write()
        return result

    def write(self) -> None:
        """Put the file in place whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({**self.machine, "parts": self.parts}, indent=2) + "\n")
        beside.replace(self.path)
