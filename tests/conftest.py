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
