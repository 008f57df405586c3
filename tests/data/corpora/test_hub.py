"""The hub: what is asked of it, and what happens when it does not answer."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from synthcli import disk
from synthcli.data.corpora import CORPORA
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import last_source
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.errors import SynthError, WorkFailedError
from tests.data.small import BYTES

RECORDS: dict[str, dict[str, Any]] = {
    "wmt14-en-de": {"translation": {"en": "It &apos;s", "de": "Es ist"}},
    "lm1b": {"text": "A sentence ."},
    "cnn-dailymail": {"article": "Long .", "highlights": "Short .", "id": "1"},
    "ag-news": {"text": "Title two\\lines", "label": 3},
    "wikitext-2": {"text": " = A = \n"},
    "wikitext-2-raw": {"text": ""},
    "multi30k": {"en": "A man.", "de": "Ein Mann."},
    "wmt14-en-fr": {"translation": {"en": "It &apos;s", "fr": "C&apos;est"}},
    "wikitext-103": {"text": " = A = \n"},
    "c4": {"text": "A page\nof two lines", "url": "https://example.org", "timestamp": "2019"},
    "imdb": {"text": "Good.<br /><br />Really.", "label": 1},
    "personachat": {
        "personality": ["i surf.", "i bake."],
        "utterances": [{"candidates": ["no", "hello"], "history": ["__SILENCE__", "hi"]}],
    },
    "synthetic-persona-chat": {
        "user 1 personas": "I surf.\nI bake.",
        "user 2 personas": "I run. ",
        "Best Generated Conversation": "User 1: Hi!\nUser 2: Hello.",
    },
    "glue-cola": {"sentence": "It is.", "label": 1, "idx": 0},
    "glue-sst2": {"sentence": "fine ", "label": 1, "idx": 0},
    "glue-mrpc": {"sentence1": "A .", "sentence2": "B .", "label": 0, "idx": 0},
    "glue-stsb": {"sentence1": "A.", "sentence2": "B.", "label": 3.8, "idx": 0},
    "glue-qqp": {"question1": "A?", "question2": "B?", "label": 1, "idx": 0},
    "glue-mnli": {"premise": "A.", "hypothesis": "B.", "label": 2, "idx": 0},
    "glue-qnli": {"question": "A?", "sentence": "B.", "label": 1, "idx": 0},
    "glue-rte": {"sentence1": "A.", "sentence2": "B.", "label": 0, "idx": 0},
    "glue-wnli": {"sentence1": "A.", "sentence2": "B.", "label": 1, "idx": 0},
    "superglue-boolq": {"question": "is it", "passage": "It is.", "label": 1, "idx": 0},
    "superglue-cb": {"premise": "A.", "hypothesis": "B.", "label": 2, "idx": 0},
    "superglue-copa": {
        "premise": "It fell.",
        "choice1": "Up.",
        "choice2": "Down.",
        "question": "effect",
        "label": 1,
        "idx": 0,
    },
    "superglue-multirc": {
        "paragraph": "<b>Sent 1: </b>A.<br><b>Sent 2: </b>B.<br>",
        "question": "Who?",
        "answer": "C",
        "label": 0,
        "idx": {"paragraph": 0, "question": 0, "answer": 0},
    },
    "superglue-record": {
        "passage": "Ann met Bo.\n@highlight\nAnna left",
        "query": "@placeholder left",
        "entities": ["Bo", "Anna", "Ann"],
        "answers": ["Ann", "Anna"],
        "idx": {"passage": 0, "query": 0},
    },
    "superglue-rte": {"premise": "A.", "hypothesis": "B.", "label": 1, "idx": 0},
    "superglue-wic": {
        "word": "bank",
        "sentence1": "A bank.",
        "sentence2": "Banks of it.",
        "label": 0,
        "idx": 0,
        "start1": 2,
        "end1": 6,
        "start2": 0,
        "end2": 5,
    },
    "superglue-wsc": {
        "text": "Mark saw that he won.",
        "span1_text": "Mark",
        "span2_text": "he",
        "label": 1,
        "idx": 0,
        "span1_index": 0,
        "span2_index": 3,
    },
}
ROWS: dict[str, dict[str, Any]] = {
    "wmt14-en-de": {"source": "It 's", "target": "Es ist"},
    "lm1b": {"text": "A sentence ."},
    "cnn-dailymail": {"source": "Long .", "target": "Short ."},
    "ag-news": {"text": "Title two lines", "label": 3},
    "wikitext-2": {"text": "= A ="},
    "wikitext-2-raw": {"text": ""},
    "multi30k": {"source": "A man.", "target": "Ein Mann."},
    "wmt14-en-fr": {"source": "It 's", "target": "C'est"},
    "wikitext-103": {"text": "= A ="},
    "c4": {"text": "A page\nof two lines"},
    "imdb": {"text": "Good. Really.", "label": 1},
    "personachat": {"source": "persona: i surf. i bake. history: hi", "target": "hello"},
    "synthetic-persona-chat": {"text": "I surf.\nI bake.\nI run.\nUser 1: Hi!\nUser 2: Hello."},
    "glue-cola": {"text": "sentence: It is.", "label": 1},
    "glue-sst2": {"text": "sentence: fine", "label": 1},
    "glue-mrpc": {"text": "sentence1: A . sentence2: B .", "label": 0},
    "glue-stsb": {"text": "sentence1: A. sentence2: B.", "score": 3.8},
    "glue-qqp": {"text": "question1: A? question2: B?", "label": 1},
    "glue-mnli": {"text": "premise: A. hypothesis: B.", "label": 2},
    "glue-qnli": {"text": "question: A? sentence: B.", "label": 1},
    "glue-rte": {"text": "sentence1: A. sentence2: B.", "label": 0},
    "glue-wnli": {"text": "sentence1: A. sentence2: B.", "label": 1},
    "superglue-boolq": {"text": "question: is it passage: It is.", "label": 1},
    "superglue-cb": {"text": "premise: A. hypothesis: B.", "label": 2},
    "superglue-copa": {
        "choices": [
            "premise: It fell. question: what was the effect? answer: Up.",
            "premise: It fell. question: what was the effect? answer: Down.",
        ],
        "label": 1,
    },
    "superglue-multirc": {"text": "question: Who? answer: C paragraph: A. B.", "label": 0},
    "superglue-record": {
        "choices": [
            "query: Bo left passage: Ann met Bo. Anna left",
            "query: Anna left passage: Ann met Bo. Anna left",
        ],
        "label": 1,
    },
    "superglue-rte": {"text": "premise: A. hypothesis: B.", "label": 1},
    "superglue-wic": {"text": "word: bank sentence1: A *bank*. sentence2: *Banks* of it.", "label": 0},
    "superglue-wsc": {"text": "text: *Mark* saw that #he# won. noun: Mark pronoun: he", "label": 1},
}


def unreachable(*arguments: object, **options: object) -> None:
    raise ConnectionError("no route to host")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", unreachable)
    monkeypatch.setattr(datasets, "load_dataset", unreachable)


def test_every_corpus_of_the_hub_has_a_record() -> None:
    assert set(RECORDS) == set(ROWS) == {name for name, corpus in CORPORA.items() if corpus.hub is not None}


@pytest.mark.parametrize("name", RECORDS)
def test_records_become_rows(name: str) -> None:
    hub = CORPORA[name].hub
    assert hub is not None
    assert list(hub.rows_of(RECORDS[name])) == [ROWS[name]]


class Repeated:
    """One record, as often as is published."""

    def __init__(self, record: dict[str, Any], times: int, declared: int | None = None) -> None:
        self.record, self.times = record, times
        self.declared = times if declared is None else declared

    def __len__(self) -> int:
        return self.declared

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter([self.record] * self.times)


def answering(monkeypatch: pytest.MonkeyPatch, records: object) -> None:
    """Have the hub answer every question with the same records."""
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", lambda *what, **options: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda *what, **options: records)


def test_a_copy_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Repeated(RECORDS["multi30k"], 28_999))
    with pytest.raises(SynthError) as error:
        prepare_store("multi30k", BYTES, tmp_path / "stores")
    assert str(error.value) == (
        "`bentrevett/multi30k` holds 28,999 records of `train`, and 29,000 are published\n"
        "hint: its copy on the hub is not whole: give the files,"
        " `synth prepare-corpus multi30k --source DIR`"
    )
    assert not (tmp_path / "stores").exists()


def test_a_stream_that_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Repeated(RECORDS["c4"], 3))
    rows = CORPORA["c4"].open().read("validation")
    assert [next(rows) for _ in range(3)] == [ROWS["c4"]] * 3
    with pytest.raises(SynthError, match="holds 3 records of `validation`, and 364,608 are published"):
        next(rows)


def test_a_stream_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield RECORDS["c4"]
        raise ConnectionError("reset")

    answering(monkeypatch, broken())
    with pytest.raises(SynthError, match=r"could not read `allenai/c4` .*: ConnectionError"):
        list(CORPORA["c4"].open().read("train"))


def test_a_repository_of_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    def scripted(*what: object, **options: object) -> None:
        raise RuntimeError("Dataset scripts are no longer supported, but found imdb.py")

    answering(monkeypatch, None)
    monkeypatch.setattr(datasets, "load_dataset", scripted)
    with pytest.raises(SynthError, match="from the Hugging Face hub: it holds a loading script alone"):
        list(CORPORA["imdb"].open().read("train"))


def test_the_pinned_revision_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def repo_info(self: object, name: str, **options: object) -> None:
        asked.append((name, options["repo_type"], options["revision"], options["timeout"]))

    def load_dataset(name: str, config: str | None, split: str, revision: str) -> Repeated:
        asked.append((name, config, split, revision))
        return Repeated(RECORDS["wmt14-en-de"], 3, CORPORA["wmt14-en-de"].rows[split])

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", repo_info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    store = prepare_store("wmt14-en-de", BYTES, tmp_path)
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
    assert last_source(tmp_path, "wmt14-en-de") is None


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", RECORDS)
def test_a_hub_out_of_reach(name: str, tmp_path: Path) -> None:
    hub = CORPORA[name].hub
    assert hub is not None
    with pytest.raises(SynthError) as error:
        prepare_store(name, BYTES, tmp_path / "stores")
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
        prepare_store("multi30k", BYTES, tmp_path / "stores")
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


def test_a_cache_that_is_full_is_no_trouble_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise datasets.exceptions.DatasetGenerationError("An error occurred") from error

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(disk, "free", lambda folder: 7)
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", lambda *words, **more: None)
    monkeypatch.setattr(datasets, "load_dataset", full)
    with pytest.raises(WorkFailedError) as caught:
        prepare_store("ag-news", BYTES, tmp_path / "stores")
    assert str(caught.value) == (
        f"`{CORPORA['ag-news'].hub.id}` could not be kept in the hub's cache: "
        f"the disk of `{tmp_path}` is full, 7 bytes free\n"
        "hint: free space there, or set `HF_HOME` to another folder, then give the same command again"
    )
