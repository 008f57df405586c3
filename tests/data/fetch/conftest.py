"""A web server of this process, a data root of the test's own, and no waiting between tries."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from synthcli.data.fetch import download
from tests.data.fetch.server import Server, serving

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(download, "SECONDS_BEFORE_ANOTHER", 0.0)
    with serving() as here:
        yield here


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data root."""
    monkeypatch.setenv("SYNTH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "stores"))
    return tmp_path / "data"
