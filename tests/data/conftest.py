"""A small corpus that fills several shards, and its store."""

from pathlib import Path

import pytest

from synthcli.data.prepare import local, sharding
from synthcli.data.prepare.prepare_store import prepare_store
from tests.data.small import PIECES, contents, multi30k

SMALL = 200  # bytes of text in a shard


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return multi30k(tmp_path / "data")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "SHARD_BYTES", SMALL)
    monkeypatch.setattr(local, "SHARD_BYTES", SMALL)


@pytest.fixture
def whole(tmp_path: Path, source: Path, small_shards: None) -> dict[str, bytes]:
    """The contents of a store made in one go."""
    return contents(prepare_store("multi30k", PIECES, tmp_path / "whole", source).path)
