"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded tensors and real datasets; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SYNTH_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("no shared data: set SYNTH_SHARED to the folder that holds golden/ and data/")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many combinations of the registries the contract was held to."""
    ran = [
        report.nodeid
        for report in terminalreporter.stats.get("passed", [])
        if "test_a_combination_keeps_the_contract" in report.nodeid
    ]
    if ran:
        combinations = {name.partition("[")[2].rpartition(" | ")[0] for name in ran}
        terminalreporter.write_line(
            f"contract: {len(combinations)} combinations of mixer, block and task, {len(ran)} checks"
        )
