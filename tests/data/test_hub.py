"""The hub: what is asked of it, and what happens when it does not answer."""

from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.prepare import prepare
from synthcli.data.store import known_source
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.errors import SynthError
from tests.data.small import BYTES

RECORDS: dict[str, dict[str, Any]] = {
    "wmt14-en-de": {"translation": {"en": "It &apos;s", "de": "Es ist"}},
    "lm1b": {"text": "A sentence ."},
    "cnn-dailymail": {"article": "Long .", "highlights": "Short .", "id": "1"},
    "ag-news": {"text": "Title two\\lines", "label": 3},
    "wikitext-2": {"text": " = A = \n"},
    "wikitext-2-raw": {"text": ""},
    "multi30k": {"en": "A man.", "de": "Ein Mann."},
}
ROWS = {
    "wmt14-en-de": {"source": "It 's", "target": "Es ist"},
    "lm1b": {"text": "A sentence ."},
    "cnn-dailymail": {"source": "Long .", "target": "Short ."},
    "ag-news": {"text": "Title two lines", "label": 3},
    "wikitext-2": {"text": "= A ="},
    "wikitext-2-raw": {"text": ""},
    "multi30k": {"source": "A man.", "target": "Ein Mann."},
}


def unreachable(*arguments: object, **options: object) -> None:
    raise ConnectionError("no route to host")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", unreachable)
    monkeypatch.setattr(datasets, "load_dataset", unreachable)


def test_every_published_corpus_has_a_record() -> None:
    assert set(RECORDS) == {name for name, corpus in CORPORA.items() if not corpus.builtin}


@pytest.mark.parametrize("name", RECORDS)
def test_records_become_rows(name: str) -> None:
    hub = CORPORA[name].hub
    assert hub is not None
    assert hub.row(RECORDS[name]) == ROWS[name]


def test_the_pinned_revision_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def repo_info(self: object, name: str, **options: object) -> None:
        asked.append((name, options["repo_type"], options["revision"], options["timeout"]))

    def load_dataset(name: str, config: str | None, split: str, revision: str) -> list[dict[str, Any]]:
        asked.append((name, config, split, revision))
        return [RECORDS["wmt14-en-de"]] * 3

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", repo_info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    store = prepare("wmt14-en-de", BYTES, tmp_path)
    revision = "b199e406369ec1b7634206d3ded5ba45de2fe696"
    assert asked == [
        ("wmt/wmt14", "dataset", revision, 10.0),
        *[("wmt/wmt14", "de-en", split, revision) for split in ("train", "validation", "test")],
    ]
    assert store.path.name == "wmt14-en-de.bytes-260"
    assert store.manifest["source"] == {
        "kind": "hub",
        "id": "wmt/wmt14",
        "config": "de-en",
        "revision": revision,
        "notes": [],
    }
    assert known_source(tmp_path, "wmt14-en-de") is None


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", RECORDS)
def test_a_hub_out_of_reach(name: str, tmp_path: Path) -> None:
    hub = CORPORA[name].hub
    assert hub is not None
    with pytest.raises(SynthError) as error:
        prepare(name, BYTES, tmp_path / "stores")
    assert str(error.value) == (
        f"could not read `{hub.id}` from the Hugging Face hub: ConnectionError\n"
        f"hint: give the files, `synth prepare-corpus {name} --source DIR` (`synth corpora show {name}`"
        " says which), or check the connection; HF_HUB_OFFLINE=1 reads what was fetched before"
    )
    assert not (tmp_path / "stores").exists()


@pytest.mark.usefixtures("no_hub")
def test_offline_and_not_fetched_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SynthError, match="could not read `bentrevett/multi30k`"):
        prepare("multi30k", BYTES, tmp_path / "stores")
    assert not (tmp_path / "stores").exists()


@pytest.mark.usefixtures("no_hub")
def test_gpt2_without_files_and_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def not_cached(*arguments: object, **options: object) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("not cached")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", not_cached)
    with pytest.raises(SynthError) as error:
        Gpt2Tokenizer.from_hub()
    assert error.value.message == ("could not read GPT-2's files from the Hugging Face hub: ConnectionError")
    assert "--tokenizer-files DIR" in error.value.hint
