"""Preparing in several processes, and several preparations at once: always the same store."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthcli.children import Children
from synthcli.data.prepare.prepare_store import WAITING, prepare_store
from synthcli.data.prepare.worker import ShardWorker
from synthcli.data.store.inventory import work_folder
from synthcli.data.store.locking import hold_store_lock
from synthcli.data.store.store import store_path
from synthcli.errors import SynthError, WorkFailedError
from tests.data.prepare.workers import wait_for_workers
from tests.data.small import BYTES, PIECES, contents, multi30k, names_in, write
from tests.data.store.lock_holder import hold, hold_then_prepare

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[ShardWorker]:
    """To whom each shard is given that this process does not make itself."""
    wait_for_workers(monkeypatch)
    given: list[ShardWorker] = []
    give = ShardWorker.give

    def noted(self: ShardWorker, packed: bytes) -> None:
        given.append(self)
        give(self, packed)

    monkeypatch.setattr(ShardWorker, "give", noted)
    return given


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_make_the_same_store(
    workers: int, given: list[ShardWorker], whole: dict[str, bytes], tmp_path: Path, source: Path
) -> None:
    store = prepare_store("multi30k", PIECES, tmp_path / "two", source, workers=workers)
    assert contents(store.path) == whole
    assert len(set(given)) == workers - 1
    assert all(worker.process.returncode == -9 for worker in given)
    assert names_in(tmp_path / "two") == [store.path.name]
    assert store.split("train")["source_text"][19] == "line 19 of a small corpus"


def test_the_second_of_two_waits(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store_path(tmp_path, "multi30k", BYTES, source)
    lock = path.with_name(f".{path.name}.lock")
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=hold_then_prepare, args=(lock, held, tmp_path, source))
    other.start()
    assert held.wait(60)
    said: list[str] = []
    store = prepare_store("multi30k", BYTES, tmp_path, source, lambda what, done, total: said.append(what))
    other.join(60)
    assert said == [WAITING]
    assert store.rows("train") == 20
    assert [name for name in names_in(tmp_path) if name != "data"] == [path.name]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "lock", held))
    holder.start()
    assert held.wait(60)
    holder.kill()
    holder.join()
    assert (tmp_path / "lock").exists()
    with hold_store_lock(tmp_path / "lock", pytest.fail) as waited:
        assert not waited
    assert not (tmp_path / "lock").exists()


def test_a_process_that_is_killed_is_replaced(
    given: list[ShardWorker],
    whole: dict[str, bytes],
    tmp_path: Path,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give = ShardWorker.give

    def kill_first(self: ShardWorker, packed: bytes) -> None:
        if not given:
            os.kill(self.process.pid, signal.SIGKILL)
        give(self, packed)

    monkeypatch.setattr(ShardWorker, "give", kill_first)
    assert contents(prepare_store("multi30k", PIECES, tmp_path / "new", source, workers=2).path) == whole
    assert len(set(given)) == 2


def test_a_shard_that_kills_its_processes(
    given: list[ShardWorker],
    tmp_path: Path,
    source: Path,
    small_shards: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give = ShardWorker.give

    def killed(self: ShardWorker, packed: bytes) -> None:
        self.process.kill()
        self.process.wait()
        give(self, packed)

    monkeypatch.setattr(ShardWorker, "give", killed)
    with pytest.raises(WorkFailedError) as caught:
        prepare_store("multi30k", BYTES, tmp_path / "stores", source, workers=2)
    assert caught.value.message == (
        "two processes were killed while they made a shard, the last with code -9"
    )
    assert all(worker.process.returncode == -9 for worker in given)


def test_a_worker_imports_no_more_than_it_needs() -> None:
    code = "import sys, synthcli.data.prepare.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pyarrow" in loaded
    assert not loaded & {"pydantic", "pandas", "typer", "datasets", "torch", "synthcli.data.corpora"}


def test_what_another_process_raises(tmp_path: Path) -> None:
    with Children() as children, pytest.raises(SynthError) as caught:
        worker = ShardWorker(tmp_path, tmp_path, children)
        worker.answer()
    worker.end()
    assert caught.value.message == f"`{tmp_path}` holds no tokenizer: `tokenizer.synth.json` is missing"


def test_a_mistake_found_beside_another_process(
    given: list[ShardWorker], tmp_path: Path, small_shards: None
) -> None:
    source = multi30k(tmp_path / "data")
    write(source / "val.en", [""] * 4)
    write(source / "val.de.gz", ["x"] * 4)
    with pytest.raises(SynthError) as caught:
        prepare_store("multi30k", BYTES, tmp_path / "stores", source, workers=2)
    assert caught.value.message == "the split `validation` of `multi30k` holds blank rows only"
    assert not (tmp_path / "stores").exists()
    assert given
    assert all(worker.process.returncode == -9 for worker in given)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_command_interrupted_says_how_to_go_on(
    name: str, whole: dict[str, bytes], tmp_path: Path, source: Path
) -> None:
    words = ["multi30k", "--source", str(source), "--stores", str(tmp_path / "new"), "--workers", "2"]
    words += ["--tokenizer", PIECES.kind, "--vocab-size", str(PIECES.vocab_size)]
    command = [sys.executable, "-m", "tests.data.prepare.interrupted_prepare", name, "prepare-corpus", *words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, start_new_session=True
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    path = store_path(tmp_path / "new", "multi30k", PIECES, source)
    assert names_in(tmp_path / "new") == [work_folder(path).name]
    assert (
        f" rows are done and kept\nnext: `synth prepare-corpus {' '.join(words)}` goes on after"
        in done.stderr
    )
    assert contents(prepare_store("multi30k", PIECES, tmp_path / "new", source).path) == whole


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_preparation_killed_again_and_again(workers: str) -> None:
    asked = ["--kills", "6", "--seed", "0", "--workers", workers]
    command = [sys.executable, "-m", "tests.data.prepare.kill_prepare", *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("6 kills of 6 asked, ")
