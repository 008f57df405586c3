"""`make clients-check`: try every line of the bench, print the table, and renew it in `docs/export.md`.

    python -m tests.clients                        all of it, in as many processes as there are cores
    python -m tests.clients trl "peft and dense"   lines and models by their names, without a table

Exits with 1 where a line is not what it says.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.clients import offline  # before transformers is imported

# isort: split
import pytest

from tests.clients.check_clients import MODELS
from tests.clients.subjects import write_subjects
from tests.clients.table import build_table, write_table

assert offline.HOME
FOLDER = Path(__file__).parent


class Results:
    """Whether each test passed, by the name in its brackets; one that did not run did not pass."""

    def __init__(self) -> None:
        self.passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("[")[2].partition("]")[0]
        self.passed[name] = self.passed.get(name, True) and report.outcome == "passed"


def run(words: list[str], root: Path) -> tuple[int, dict[str, bool]]:
    """Run the tests whose names have one of the words."""
    write_subjects(root)
    os.environ[MODELS] = str(root)
    results = Results()
    options = ["-o", "python_files=check_*.py", "-W", "default", "-p", "no:warnings", "--tb=short"]
    options += ["-n", os.environ.get("JOBS") or "auto", "--dist", "loadgroup"]
    if words:
        options += ["-k", " or ".join(f"({word})" for word in words)]
    return int(pytest.main([str(FOLDER), *options], plugins=[results])), results.passed


def main(words: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        code, passed = run(words, Path(folder))
    if not words:
        table = build_table(passed)
        write_table(table)
        sys.stdout.write(f"\n{table}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
