"""Fixtures every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of Ray of this machine; a test of it is skipped where Ray is not installed."""
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_AUTH_MODE", "disabled")  # a token would be written to the home of whoever tests
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


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
