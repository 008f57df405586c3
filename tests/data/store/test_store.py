"""Stores: complete or absent, verified when opened, found again."""

import json
from pathlib import Path

import pytest
from datasets import load_from_disk

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store, find_store, last_source, open_store, stores_root
from synthcli.errors import SynthError
from tests.data.small import BYTES, ag_news, contents, multi30k, names_in, wikitext


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return multi30k(tmp_path / "data")


@pytest.fixture
def store(tmp_path: Path, source: Path) -> Store:
    return prepare_store("multi30k", BYTES, tmp_path / "stores", source)


def test_what_a_store_holds(store: Store, source: Path) -> None:
    assert store.path.name.startswith("multi30k.bytes-260.")
    assert store.splits == ("train", "validation", "test")
    assert [store.rows(split) for split in store.splits] == [20, 4, 3]
    assert store.counts("validation") == {
        "rows": 4,
        "empty": 0,
        "words": 4 * 7 + 4 * 3,
        "bytes": 4 * 25 + 4 * 8,
        "tokens": 4 * 24 + 4 * 7,
        "longest_source": 24,
        "longest_target": 7,
    }
    assert store.manifest["tokenizer"] == {
        "kind": "bytes",
        "requested": 260,
        "vocab_size": 260,
        "hash": store.tokenizer.hash,
    }
    assert store.manifest["source"]["kind"] == "folder"
    assert store.manifest["source"]["path"] == str(source.resolve())
    assert len(store.manifest["source"]["files"]) == 6


def test_datasets_reads_it(store: Store) -> None:
    for dataset in (store.split("train"), load_from_disk(str(store.path))["train"]):
        row = dataset[3]
        assert row["source_text"] == "line 3 of a small corpus"
        assert store.tokenizer.decode(row["target"]) == row["target_text"] == "Zeile 3"


def test_text_is_counted_with_line_ends(tmp_path: Path) -> None:
    source = wikitext(tmp_path / "data", ["", " Ä b \u00a0 c ", "d"])
    store = prepare_store("wikitext-2", BYTES, tmp_path / "stores", source)
    assert store.split("train")["words"] == [1, 4, 2]
    assert store.split("train")["bytes"] == [1, 10, 2]
    assert store.counts("train")["empty"] == 1


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    store = prepare_store("ag-news", BYTES, tmp_path / "stores", ag_news(tmp_path / "data"))
    assert store.class_names == ("World", "Sports", "Business", "Sci/Tech")
    with pytest.raises(SynthError) as error:
        store.split("validation")
    assert str(error.value) == (
        "the store of `ag-news` has no split `validation`\nhint: it has `train`, `test`"
    )


def test_preparing_again_returns_what_is_there(store: Store, source: Path) -> None:
    before = store.path.stat().st_ino
    again = prepare_store("multi30k", BYTES, store.path.parent, source)
    assert again == store
    assert again.path.stat().st_ino == before


def test_equal_text_makes_equal_stores(store: Store, source: Path) -> None:
    before = contents(store.path)
    again = prepare_store("multi30k", BYTES, store.path.parent, source, force=True)
    assert contents(again.path) == before
    assert again.hash == store.hash
    assert again.manifest["created"] > store.manifest["created"]
    assert names_in(store.path.parent) == [store.path.name]


def test_sentencepiece_stores_are_equal_too(tmp_path: Path, source: Path) -> None:
    config = TokenizerConfig(kind="sentencepiece-unigram", vocab_size=320)
    first, second = (prepare_store("multi30k", config, tmp_path / root, source) for root in "ab")
    assert first.hash == second.hash


@pytest.mark.parametrize("file", ["train/data-00000.arrow", "tokenizer/tokenizer.synth.json"])
def test_changed_files_are_refused(
    store: Store, source: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTH_STORES", str(store.path.parent))
    path = store.path / file
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"#")
    with pytest.raises(SynthError) as error:
        open_store(store.path)
    assert str(error.value) == (
        f"`{path}` does not match the sha256 in its manifest\n"
        f"hint: prepare it again: `synth prepare-corpus multi30k --source {source} --tokenizer bytes --force`"
    )
    path.write_bytes(content[:-1])
    with pytest.raises(SynthError) as error:
        open_store(store.path)
    size = len(content)
    assert error.value.message == f"`{path}` has {size - 1} bytes, its manifest says {size}"
    path.unlink()
    with pytest.raises(SynthError) as error:
        open_store(store.path)
    assert error.value.message == f"the store lacks `{path}`, which its manifest names"


def test_a_spoilt_store_is_refused_until_forced(store: Store, source: Path) -> None:
    (store.path / "state.json").unlink(missing_ok=True)
    (store.path / "train/state.json").write_text("{}")
    with pytest.raises(SynthError, match="its manifest says"):
        prepare_store("multi30k", BYTES, store.path.parent, source)
    assert prepare_store("multi30k", BYTES, store.path.parent, source, force=True).hash == store.hash


def test_a_folder_without_a_manifest_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "copy.bytes-260").mkdir()
    with pytest.raises(SynthError) as error:
        open_store(tmp_path / "copy.bytes-260")
    assert error.value.message == f"`{tmp_path / 'copy.bytes-260'}` is no store: it has no `manifest.json`"


def test_an_unknown_store_gets_a_suggestion(store: Store) -> None:
    with pytest.raises(SynthError) as error:
        open_store(store.path.with_name("multi30k.bytes-261"))
    assert error.value.hint == f"did you mean `{store.path.name}`?"


def test_stores_are_found_again(store: Store, source: Path) -> None:
    root = store.path.parent
    assert find_store(root, "multi30k", BYTES, source) == store.path
    assert find_store(root, "multi30k", BYTES) == store.path
    assert find_store(root, "multi30k", TokenizerConfig(kind="bytes", vocab_size=999)) == store.path
    assert find_store(root, "multi30k", TokenizerConfig(kind="sentencepiece-bpe", vocab_size=9)) is None
    assert find_store(root, "multi30k", BYTES, source / "elsewhere") is None
    assert find_store(root, "copy", BYTES) is None
    assert last_source(root, "multi30k") == source.resolve()
    assert last_source(root, "wmt14-en-de") is None
    assert last_source(root / "none", "multi30k") is None


def test_the_newest_store_is_found(tmp_path: Path) -> None:
    sources = [multi30k(tmp_path / name) for name in "ab"]
    stores = [prepare_store("multi30k", BYTES, tmp_path / "stores", source) for source in sources]
    assert find_store(tmp_path / "stores", "multi30k", BYTES) == stores[1].path
    assert last_source(tmp_path / "stores", "multi30k") == sources[1].resolve()


def test_where_stores_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    assert stores_root() == Path("stores")
    monkeypatch.setenv("SYNTH_STORES", "/elsewhere")
    assert stores_root() == Path("/elsewhere")


def test_progress_is_reported(tmp_path: Path, source: Path) -> None:
    said: list[tuple[str, int, int | None]] = []
    prepare_store("multi30k", BYTES, tmp_path, source, lambda *what: said.append(what))
    total = 29_000 + 1_014 + 1_000
    last = ("looking for duplicates and leaks", 0, None)
    assert said == [*(("encoding", done, total) for done in (0, 20, 24, 27)), last]


def test_the_manifest_is_readable(store: Store) -> None:
    assert json.loads((store.path / "manifest.json").read_text()) == store.manifest


def test_what_its_rows_are_like_stands_in_it(store: Store) -> None:
    assert store.quality is not None
    assert store.quality["splits"]["train"]["rows"] == 20
    assert store.quality["overlaps"]
    (store.path / "quality.json").unlink()
    assert open_store(store.path).quality is None
