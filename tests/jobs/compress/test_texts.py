"""The text a model is compressed on."""

from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.compress.config import RecordingConfig
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.jobs.compress import texts as job
from synthcli.jobs.compress.texts import data_of, texts_for
from tests.compress.small import bert_config, small_store, small_teacher


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("texts"))


def test_a_teacher_of_no_run_needs_a_corpus(store: Store, tmp_path: Path) -> None:
    teacher = small_teacher(bert_config(store.tokenizer.vocab_size), store.tokenizer)
    teacher = replace(teacher, path=tmp_path / "model")
    with pytest.raises(SynthError) as error:
        data_of(teacher, RecordingConfig())
    assert error.value.message == "teacher `small` belongs to no run that names its corpus"
    data = data_of(teacher, RecordingConfig(corpus="text", source=str(tmp_path)))
    assert (data.corpus, data.source, data.layout) == ("text", str(tmp_path.resolve()), "rows")
    assert data.tokenizer.files == str((tmp_path / "model").resolve())


def test_held_out_text_is_an_eighth_of_another_split(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = small_teacher(bert_config(store.tokenizer.vocab_size), store.tokenizer)
    monkeypatch.setattr(job, "store_for", lambda data, preparing, used: store)
    found = texts_for(teacher, RecordingConfig(corpus="text", source=str(tmp_path), limit=80, max_length=12))
    assert (found.train.split, len(found.train), found.train.max_length) == ("train", 80, 12)
    assert (found.held_out.split, len(found.held_out)) == ("validation", 10)
    whole = texts_for(teacher, RecordingConfig(corpus="text", source=str(tmp_path)))
    assert len(whole.train) > 200 and len(whole.held_out) > 30
