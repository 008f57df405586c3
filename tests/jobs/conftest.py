"""What tests of jobs share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the corpora of reproductions are prepared, once for all of them."""
    return tmp_path_factory.mktemp("stores")
