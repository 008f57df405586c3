"""Preparing on a cluster of Ray, here of this machine: the store of the local engine."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from synthcli.data.prepare import local, on_ray, sharding
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.shard import ShardDraft
from synthcli.errors import SynthError
from tests.data.prepare.kill_prepare import SHARD_BYTES, corpus
from tests.data.small import BYTES, PIECES, contents, names_in

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_worker_killed_midway(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sharding, local):
        monkeypatch.setattr(module, "SHARD_BYTES", SHARD_BYTES)
    source, attempts = corpus(tmp_path / "data"), tmp_path / "attempts"
    expected = contents(prepare_store("multi30k", PIECES, tmp_path / "local", source).path)
    attempts.mkdir()

    def killed_once(packed: bytes, tokenizer: Path, description: str, drafts: Path) -> ShardDraft:
        """Leave a draft and die in the midst of the twentieth shard, the first time."""
        number = len(list(attempts.iterdir()))
        (attempts / f"{os.getpid()}-{number}").touch()
        draft = make_packed(packed, tokenizer, description, drafts)
        if draft.record.shard.endswith("00020.arrow") and not (attempts / "killed").exists():
            (attempts / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return draft

    make_packed = on_ray.make_pickled_shard
    monkeypatch.setattr(on_ray, "make_pickled_shard", killed_once)
    store = prepare_store("multi30k", PIECES, tmp_path / "ray", source, engine="ray")
    assert contents(store.path) == expected
    assert names_in(tmp_path / "ray") == [store.path.name]
    assert (attempts / "killed").exists()


def test_without_ray_its_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SynthError) as caught:
        prepare_store("copy", BYTES, tmp_path / "stores", engine="ray")
    assert str(caught.value) == (
        '`--engine ray` needs Ray, which is not installed\nhint: `pip install "synthcli[ray]"`'
    )
    assert not (tmp_path / "stores").exists()


def test_an_address_belongs_to_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as caught:
        prepare_store("copy", BYTES, tmp_path / "stores", address="10.0.0.1:6379")
    assert str(caught.value) == (
        "`--address` belongs to a cluster\nhint: add `--engine ray`, or leave it out"
    )
