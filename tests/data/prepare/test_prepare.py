"""Preparing again after interruptions: always the same store."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import Features

from synthcli import disk
from synthcli.data.corpora.source import Folder
from synthcli.data.prepare import local, shard, sharding
from synthcli.data.prepare.encoding import TextEncoder
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.texts import ShardTask
from synthcli.data.store.inventory import work_folder
from synthcli.data.store.shards import SCHEMAS, describe_split
from synthcli.data.store.store import open_store, store_path
from synthcli.errors import SynthError, WorkFailedError
from tests.data.small import BYTES, PIECES, contents, names_in, write


class StopError(BaseException):
    """An interruption."""


def stop_after(monkeypatch: pytest.MonkeyPatch, shards: int, error: BaseException) -> None:
    """Let an error come in the midst of the writing of a shard."""
    write_shard, done = shard.write_shard, 0

    def stopping(path: Path, kind: str, columns: dict[str, object]) -> None:
        nonlocal done
        write_shard(path, kind, columns)
        if done == shards:
            path.write_bytes(path.read_bytes()[:100])
            raise error
        done += 1

    monkeypatch.setattr(shard, "write_shard", stopping)


def test_shards_are_cut_by_their_text(whole: dict[str, bytes]) -> None:
    shards = [name for name in whole if name.endswith(".arrow")]
    assert [name for name in shards if "train" in name] == [f"train/data-0000{n}.arrow" for n in range(3)]
    assert len(shards) == 5


def test_rows_are_cut_where_a_shard_is_full() -> None:
    rows: Any = iter([{"text": text} for text in ("abc", "äb", "", "c", "abcdefgh", "")])
    tasks = list(sharding.cut_split(rows, "train", "text", 6))
    texts = [task.texts["text"].strings() for task in tasks]
    assert texts == [["abc", "äb"], ["", "c", "abcdefgh"], [""]]
    assert [(task.shard, task.rows, task.bytes) for task in tasks] == [
        ("train/data-00000.arrow", 2, 6),
        ("train/data-00001.arrow", 3, 9),
        ("train/data-00002.arrow", 1, 0),
    ]


def test_half_a_character_is_refused() -> None:
    rows: Any = iter([{"text": "a"}, {"text": "b\ud83d"}])
    with pytest.raises(SynthError) as caught:
        list(sharding.cut_split(rows, "train", "text", 6))
    assert caught.value.message == "row 2 of `train` holds half a character, `'\\ud83d'`"


@pytest.mark.slow
@pytest.mark.parametrize("shards", [0, 1, 4])
def test_an_interrupted_preparation_goes_on(
    shards: int, whole: dict[str, bytes], tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new" / "stores"
    with monkeypatch.context() as patched:
        stop_after(patched, shards, StopError())
        with pytest.raises(StopError):
            prepare_store("multi30k", PIECES, root, source)
    path = store_path(root, "multi30k", PIECES, source)
    assert names_in(root) == [f".{path.name}.work"]
    trained = work_folder(path) / "store/tokenizer/tokenizer.model"
    inode = trained.stat().st_ino
    made = count_shards(monkeypatch)
    store = prepare_store("multi30k", PIECES, root, source)
    assert contents(store.path) == whole
    assert (store.path / "tokenizer/tokenizer.model").stat().st_ino == inode
    assert len(made) == 5 - shards
    assert names_in(root) == [path.name]


def count_shards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that will hold the shards made from now on."""
    made: list[str] = []

    def counted(task: ShardTask, encoder: TextEncoder, drafts: Path) -> shard.ShardDraft:
        made.append(task.shard)
        return shard.make_shard(task, encoder, drafts)

    monkeypatch.setattr(local, "make_shard", counted)
    return made


def interrupted(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave work with four finished shards."""
    with monkeypatch.context() as patched:
        stop_after(patched, 4, StopError())
        with pytest.raises(StopError):
            prepare_store("multi30k", PIECES, root, source)
    return work_folder(store_path(root, "multi30k", PIECES, source))


def test_what_is_spoilt_in_the_work_is_made_again(
    whole: dict[str, bytes], tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = interrupted(tmp_path / "new", source, monkeypatch)
    flipped, cut_short = (work / f"store/train/data-0000{number}.arrow" for number in (0, 1))
    content = bytearray(flipped.read_bytes())
    content[-20] ^= 1
    flipped.write_bytes(content)
    cut_short.write_bytes(cut_short.read_bytes()[:-8])
    (work / "store/train/data-00002.arrow").unlink()
    (work / "store/train/stray.arrow").write_text("left behind")
    with (work / "records.jsonl").open("a") as stream:
        stream.write('{"shard": "train/da')
    made = count_shards(monkeypatch)
    assert contents(prepare_store("multi30k", PIECES, tmp_path / "new", source).path) == whole
    assert [name[-7] for name in made] == ["0", "1", "2", "0"]


def test_changed_files_are_read_anew(
    whole: dict[str, bytes], tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path / "new", source, monkeypatch)
    write(source / "train.en", [f"LINE {number} of a small corpus" for number in range(20)])
    store = prepare_store("multi30k", PIECES, tmp_path / "new", source)
    assert store.split("train")["source_text"][0] == "LINE 0 of a small corpus"
    assert contents(store.path) != whole
    expected = prepare_store("multi30k", PIECES, tmp_path / "other", source)
    assert contents(store.path) == contents(expected.path)


def test_files_that_change_meanwhile_are_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Folder.read

    def changing(self: Folder, split: str) -> Iterator[Any]:
        yield from read(self, split)
        if split == "test":
            write(source / "train.en", ["another text"] * 20)

    monkeypatch.setattr(Folder, "read", changing)
    with pytest.raises(WorkFailedError) as caught:
        prepare_store("multi30k", BYTES, tmp_path / "stores", source)
    assert caught.value.message == "the files of `multi30k` changed while they were read"
    assert not store_path(tmp_path / "stores", "multi30k", BYTES, source).exists()


def test_a_full_disk_is_one_message_and_the_work_goes_on(
    whole: dict[str, bytes], tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new"
    with monkeypatch.context() as patched:
        stop_after(patched, 2, OSError(errno.ENOSPC, "No space left on device"))
        patched.setattr(disk, "free", lambda folder: 7)
        with pytest.raises(WorkFailedError) as caught:
            prepare_store("multi30k", PIECES, root, source)
    assert caught.value.message == (
        f"the store of `multi30k` could not be written: the disk of `{root}` is full, 7 bytes free"
    )
    path = store_path(root, "multi30k", PIECES, source)
    assert not path.exists()
    assert not list(work_folder(path).glob("drafts-*/*"))  # what did not fit takes no room
    assert contents(prepare_store("multi30k", PIECES, root, source).path) == whole


def test_an_interrupted_remake_leaves_the_old(
    tmp_path: Path, source: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = prepare_store("multi30k", BYTES, tmp_path / "stores", source)
    before = contents(store.path)
    with monkeypatch.context() as patched:
        stop_after(patched, 2, StopError())
        with pytest.raises(StopError):
            prepare_store("multi30k", BYTES, tmp_path / "stores", source, force=True)
    assert contents(store.path) == before
    assert open_store(store.path).manifest == store.manifest
    again = prepare_store("multi30k", BYTES, tmp_path / "stores", source, force=True)
    assert again.manifest["created"] != store.manifest["created"]
    assert names_in(tmp_path / "stores") == [store.path.name]


def test_a_remake_killed_between_its_renames(tmp_path: Path, source: Path) -> None:
    store = prepare_store("multi30k", BYTES, tmp_path / "stores", source)
    before, work = contents(store.path), work_folder(store.path)
    work.mkdir()
    store.path.rename(work / "old")
    assert contents(prepare_store("multi30k", BYTES, tmp_path / "stores", source).path) == before
    assert names_in(tmp_path / "stores") == [store.path.name]


def test_an_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as caught:
        prepare_store("copy", BYTES, tmp_path / "stores", engine="locl")
    assert str(caught.value) == "unknown engine `locl`\nhint: did you mean `local`?"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_is_said_to_datasets_is_what_it_would_say(kind: str, tmp_path: Path) -> None:
    describe_split(tmp_path, kind, {"data-00000.arrow": "0" * 64})
    import pyarrow

    features = Features.from_arrow_schema(pyarrow.schema(list(SCHEMAS[kind].items())))
    ours = datasets.DatasetInfo.from_directory(str(tmp_path))
    assert ours.features == features
    datasets.DatasetInfo(features=features).write_to_directory(str(tmp_path / ".."))
    assert json.loads((tmp_path / "../dataset_info.json").read_text()) == json.loads(
        (tmp_path / "dataset_info.json").read_text()
    )
