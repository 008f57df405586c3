"""Run a test by each implementation of the recurrence; without a compiler the native one skips, visibly."""

from collections.abc import Iterator

import pytest

from synthcli.kernels.choice import VARIABLE
from synthcli.model.ops.dispatch import why_not

IMPLEMENTATIONS = ("reference", "native")


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Choose the implementation for a test."""
    if request.param == "native" and (reason := why_not("cpu")) is not None:
        pytest.skip(f"no native kernel: {reason}")
    monkeypatch.setenv(VARIABLE, request.param)
    yield request.param
