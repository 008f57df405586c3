"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

for size in ("COLUMNS", "LINES"):  # those of who runs the tests; of a process beside others they are 80
    os.environ.pop(size, None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded tensors and real datasets; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SYNTH_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("no shared data: set SYNTH_SHARED to the folder that holds golden/ and data/")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is slow: processes side by side then end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many combinations of the registries the contract was held to."""
    ran = [
        report.nodeid
        for report in terminalreporter.stats.get("passed", [])
        if "test_a_combination_keeps_the_contract" in report.nodeid
    ]
    if ran:
        terminalreporter.write_line(f"contract: {len(ran)} combinations of mixer, block and task")
