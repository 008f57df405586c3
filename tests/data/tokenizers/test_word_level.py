"""Corpora of words: their vocabularies from the training split or from the publisher, and what is unknown."""

import gzip
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthcli.cli import app
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import CORPORA
from synthcli.data.corpora.lm1b import HELD_OUT, TRAINING
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import wikitext, write


def words(vocab_size: int) -> TokenizerConfig:
    return TokenizerConfig(kind="words", vocab_size=vocab_size)


def lm1b(folder: Path) -> Path:
    """Write shards in which `a` stands six times, `b` and `c` three times, `d` twice."""
    write(folder / TRAINING / "news.en-00001-of-00100", ["a b c d", "a a b"])
    write(folder / TRAINING / "news.en-00002-of-00100.gz", ["c c b d", "a a a", "<UNK>"])
    write(folder / HELD_OUT / "news.en.heldout-00000-of-00050", ["b d e"])
    write(folder / HELD_OUT / "news.en.heldout-00001-of-00050", ["c a"])
    return folder


def vocabulary(store: Store) -> list[str]:
    return store.tokenizer.words  # type: ignore[attr-defined]


def unknown(store: Store) -> list[int]:
    return [store.counts(split)["unknown"] for split in store.splits]


def test_words_of_lm1b_stand_three_times_or_more(tmp_path: Path) -> None:
    store = prepare_store("lm1b", words(100), tmp_path / "stores", lm1b(tmp_path / "data"))
    assert vocabulary(store) == ["a", "b", "c"]
    assert unknown(store) == [3, 0, 2]
    assert store.split("test")["tokens"][0] == [5, 3, 3]
    assert store.counts("test")["words"] == 4  # the unknown and the end of the sentence are counted


def test_words_of_lm1b_as_their_publisher_lists_them(tmp_path: Path) -> None:
    folder = lm1b(tmp_path / "data")
    listed = write(folder / "1b_word_vocab.txt", ["<S> 9", "d 2", "b 3", "<UNK> 4", "e 1", "a 6"])
    store = prepare_store("lm1b", words(7), tmp_path / "stores", folder)
    assert vocabulary(store) == ["a", "b", "d"]  # by falling count, as many as there is room for
    assert listed.name in [file["path"] for file in store.manifest["source"]["files"]]
    write(listed, ["e", "a"])
    assert vocabulary(prepare_store("lm1b", words(100), tmp_path / "others", folder)) == ["e", "a"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a 3", "b 2 1"], "holds no word with its count at line 2"),
        (["a 3", "b c"], "holds no word with its count at line 2"),
        (["a 3", ""], "holds no word with its count at line 2"),
        (["a 3", "a 3"], "names `a` twice, again at line 2"),
        (["<S>", "</S>"], "holds no words"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, lines: list[str], message: str) -> None:
    folder = lm1b(tmp_path / "data")
    path = write(folder / "1b_word_vocab.txt", lines)
    with pytest.raises(SynthError) as caught:
        prepare_store("lm1b", words(100), tmp_path / "stores", folder)
    assert caught.value.message == f"`{path}` {message}" and caught.value.hint
    assert not (tmp_path / "stores").exists()


def test_a_text_of_rare_words_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / HELD_OUT / "news.en.heldout-00000-of-00050", [f"word{n} twice{n // 2}" for n in range(9)])
    with pytest.raises(SynthError) as caught:
        prepare_store("lm1b", words(100), tmp_path / "stores", folder)
    assert str(caught.value) == (
        "no word of the text stands there 3 times or more\nhint: prepare more of the corpus"
    )


def test_a_corpus_of_words_is_prepared_with_the_vocabulary_of_its_publisher(tmp_path: Path) -> None:
    folder = wikitext(tmp_path / "data", [" b b a ", " <unk> ", ""])
    asked = ["prepare-corpus", "wikitext-103", "--source", str(folder), "--stores", str(tmp_path / "stores")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "srupp-wikitext-103-base" in result.output
    (store,) = (tmp_path / "stores").glob("wikitext-103.words-267735.*")
    assert (store / "tokenizer/vocab.txt").read_text() == "b\na\n"
    result = CliRunner().invoke(app, [*asked, "--vocab-size", "5"])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "stores").glob("wikitext-103.words-5.*"))) == 1
    sizes = {corpus.name: corpus.vocab_size for corpus in CORPORA.values() if corpus.vocab_size}
    assert sizes == {"wikitext-103": 267_735, "lm1b": 793_470, "two-letters": 57}


@pytest.mark.slow
def test_words_of_wikitext_as_published(shared: Path, tmp_path: Path) -> None:
    """WikiText-2 in the layout of WikiText-103: 33,278 words with <unk> and the end of a line."""
    folder = tmp_path / "data"
    shutil.copytree(shared / "data/wikitext-2", folder)
    store = prepare_store("wikitext-103", words(267_735), tmp_path / "stores", folder)
    assert store.tokenizer.vocab_size == 33_278 + 2  # and marks of padding and of the beginning
    counts = Counter(word for row in store.split("train")["tokens"] for word in row)
    by_id = [counts[number] for number in range(4, store.tokenizer.vocab_size)]
    assert by_id == sorted(by_id, reverse=True) and by_id[-1] >= 1
    assert [store.counts(split)["words"] for split in store.splits] == [2_088_628, 217_646, 245_569]
    for split, count in zip(("train", "valid", "test"), unknown(store), strict=True):
        text = gzip.decompress((folder / f"wiki.{split}.tokens.gz").read_bytes()).decode()
        assert count == text.split().count("<unk>") > 10_000


def test_words_of_lm1b_as_published(shared: Path, tmp_path: Path) -> None:
    store = prepare_store("lm1b", words(793_470), tmp_path, shared / "data/lm1b")
    assert sum(store.counts(split)["words"] for split in store.splits) == 159_658
    train, *held_out = (store.counts(split) for split in store.splits)
    assert all(0.05 < part["unknown"] / part["tokens"] < 0.2 for part in (train, *held_out))
