"""Tokenizers lose nothing, and are the same every time."""

from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import Tokenizer, load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.sentence_pieces import sample_of
from synthcli.errors import SynthError

TEXTS = [f"def function_{n}(self):\n    return self.value_{n % 7} + {n}" for n in range(300)]
HARD = [
    "",
    " leading, double  and trailing ",
    "\ttabs\r\nand\n\n    indented lines\n",
    "Straße, naïve, … ½ ﬁ",
    "日本語 🙂 \ufffd \x00",
    "<unk> <s> </s> <|endoftext|>",
]


def configured(kind: str, size: int | None = None, files: Path | None = None) -> TokenizerConfig:
    return TokenizerConfig.model_validate({"kind": kind, "vocab_size": size, "files": files and str(files)})


@pytest.fixture(scope="module", params=["sentencepiece-unigram", "sentencepiece-bpe", "bytes", "gpt2"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "gpt2":
        files = request.getfixturevalue("shared") / "data/tokenizers/gpt2"
        return train_or_load_tokenizer(configured("gpt2", files=files), [])
    size = 500 if request.param.startswith("sentencepiece") else None
    return train_or_load_tokenizer(configured(request.param, size), TEXTS)


def test_decoding_gives_the_text_back(tokenizer: Tokenizer) -> None:
    texts = HARD + TEXTS[:5]
    assert [tokenizer.decode(ids) for ids in tokenizer.encode_batch(texts)] == texts


def test_ids_are_of_the_vocabulary_and_never_special(tokenizer: Tokenizer) -> None:
    special = {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id}
    assert len(special) == 4
    ids = {i for row in tokenizer.encode_batch(HARD + TEXTS) for i in row}
    assert not ids & special
    assert max(ids | special) < tokenizer.vocab_size


def test_special_ids_leave_no_text(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode_batch(["a text"])
    framed = [tokenizer.bos_id, *ids, tokenizer.eos_id, tokenizer.pad_id]
    assert tokenizer.decode(framed) == "a text"


def test_saved_and_loaded_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert (loaded.kind, loaded.hash, loaded.vocab_size) == (
        tokenizer.kind,
        tokenizer.hash,
        tokenizer.vocab_size,
    )
    assert loaded.encode_batch(HARD) == tokenizer.encode_batch(HARD)


@pytest.mark.parametrize("kind", ["sentencepiece-unigram", "sentencepiece-bpe"])
def test_training_is_reproducible(kind: str) -> None:
    first, second = (train_or_load_tokenizer(configured(kind, 400), TEXTS) for _ in range(2))
    assert first.hash == second.hash
    assert first.vocab_size == 400


def test_known_ids() -> None:
    tokenizer = train_or_load_tokenizer(configured("bytes"), [])
    assert tokenizer.encode_batch(["aä"]) == [[101, 199, 168]]
    ids = (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id)
    assert ids == (0, 1, 2, 3)


def test_gpt2_has_its_published_ids(shared: Path) -> None:
    tokenizer = train_or_load_tokenizer(configured("gpt2", files=shared / "data/tokenizers/gpt2"), [])
    assert tokenizer.encode_batch(["Hello world", " Hello  world"]) == [[15496, 995], [18435, 220, 995]]
    assert tokenizer.vocab_size == 50_260
    ids = (tokenizer.unk_id, tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id)
    assert ids == (50_256, 50_257, 50_258, 50_259)


def test_a_small_corpus_supports_fewer_pieces() -> None:
    tokenizer = train_or_load_tokenizer(configured("sentencepiece-unigram", 8_000), TEXTS[:20])
    assert 260 < tokenizer.vocab_size < 8_000


def test_a_vocabulary_too_small_for_bytes_is_refused() -> None:
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured("sentencepiece-unigram", 100), TEXTS)
    assert error.value.message.startswith(
        "cannot train `sentencepiece-unigram` with `vocab_size = 100`: vocabulary size is smaller than"
    )
    assert error.value.hint == (
        "256 bytes, 4 special ids and every common character must fit: try `--vocab-size 1000` or more"
    )


def test_the_sample_is_of_the_whole_text() -> None:
    texts = [str(number) * 100 for number in range(1000)]
    sample = sample_of(texts, characters=30_000)
    assert sample == sample_of(texts, characters=30_000)
    assert 20_000 < sum(map(len, sample)) < 40_000
    assert sum(text in texts[500:] for text in sample) > len(sample) / 3


def test_missing_gpt2_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured("gpt2", files=tmp_path), [])
    assert str(error.value) == (
        f"`{tmp_path}` lacks GPT-2's `encoder.json`\n"
        "hint: take `encoder.json` and `vocab.bpe` (or `vocab.json` and `merges.txt`) of"
        " https://huggingface.co/openai-community/gpt2 and pass their folder as `--tokenizer-files DIR`"
    )


def test_other_files_are_not_gpt2s(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured("gpt2", files=tmp_path), [])
    assert error.value.message == (
        f"the vocabulary in `{tmp_path}` has 1 entries and 1 merges, GPT-2's has 50257 and 50000"
    )


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as error:
        load_tokenizer(tmp_path)
    assert error.value.message == (f"`{tmp_path}` holds no tokenizer: `tokenizer.synth.json` is missing")


def test_a_changed_tokenizer_is_refused(tmp_path: Path) -> None:
    train_or_load_tokenizer(configured("sentencepiece-bpe", 400), TEXTS).save(tmp_path)
    train_or_load_tokenizer(configured("sentencepiece-bpe", 300), TEXTS).save(made(tmp_path / "other"))
    (tmp_path / "tokenizer.model").write_bytes((tmp_path / "other/tokenizer.model").read_bytes())
    with pytest.raises(SynthError) as error:
        load_tokenizer(tmp_path)
    assert error.value.message == f"the tokenizer in `{tmp_path}` is not the one its description names"


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
