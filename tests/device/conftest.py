"""The corpora of the cases, prepared once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from synthcli import device
from tests.device.cases import write_corpora


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpora and a folder for their stores."""
    folder = tmp_path_factory.mktemp("device")
    write_corpora(folder / "corpora")
    return folder


@pytest.fixture
def corpora(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_STORES", str(prepared / "stores"))
    return prepared / "corpora"


@pytest.fixture(autouse=True)
def _no_choice_before() -> Iterator[None]:
    """Forget the device that a command of before chose in this process."""
    before = device._choice.set(None)
    yield
    device._choice.reset(before)
