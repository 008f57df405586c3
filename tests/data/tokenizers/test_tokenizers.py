"""Tokenizers lose nothing, and are the same every time."""

from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import Tokenizer, load_given, load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.training_sample import sample_characters
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


@pytest.fixture(
    scope="module", params=["sentencepiece-unigram", "sentencepiece-bpe", "byte-level-bpe", "bytes", "gpt2"]
)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "gpt2":
        files = request.getfixturevalue("shared") / "data/tokenizers/gpt2"
        return train_or_load_tokenizer(configured("gpt2", files=files), [])
    size = None if request.param == "bytes" else 500
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


@pytest.mark.parametrize("kind", ["sentencepiece-unigram", "sentencepiece-bpe", "byte-level-bpe"])
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
    drawn = sample_characters(texts, characters=30_000)
    assert drawn == sample_characters(texts, characters=30_000)
    sample = drawn.chunks
    assert drawn.read == sum(map(len, texts))
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


@pytest.mark.parametrize(
    "kind", ["sentencepiece-unigram", "sentencepiece-bpe", "byte-level-bpe", "bytes", "words"]
)
def test_only_wordpiece_has_a_mask(kind: str) -> None:
    assert train_or_load_tokenizer(configured(kind, 500), TEXTS).mask_id is None


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return train_or_load_tokenizer(configured("wordpiece", 120), TEXTS)


def test_wordpiece_reads_as_bert_does(wordpiece: Tokenizer) -> None:
    ids = (wordpiece.pad_id, wordpiece.unk_id, wordpiece.bos_id, wordpiece.eos_id, wordpiece.mask_id)
    assert ids == (0, 1, 2, 3, 4)
    (row,) = wordpiece.encode_batch(["DEF\tFunction _ sélf.value :"])
    assert wordpiece.decode([2, *row, 3, 0]) == "def function _ self. value :"
    assert wordpiece.decode([row[0], 4, 1]) == "def [MASK]"
    assert wordpiece.encode_batch(["日", "[MASK]", ""])[0] == [wordpiece.unk_id]
    assert wordpiece.mask_id not in wordpiece.encode_batch(["[MASK]"])[0]


def test_wordpiece_training_is_reproducible(wordpiece: Tokenizer) -> None:
    texts = ["".join(chr(97 + (n * k) % 26) for k in range(9)) + " ünder" for n in range(500)]
    hashes = {train_or_load_tokenizer(configured("wordpiece", 150), texts).hash for _ in range(4)}
    assert len(hashes) == 1
    assert wordpiece.vocab_size == 120


def test_berts_vocabulary_has_its_published_ids(shared: Path, tmp_path: Path) -> None:
    files = shared / "data/tokenizers/bert-base-uncased"
    bert = train_or_load_tokenizer(configured("wordpiece", 30_522, files), [])
    assert bert.encode_batch(["Hello world", "unaffable"]) == [[7592, 2088], [14477, 20961, 3468]]
    assert (bert.pad_id, bert.unk_id, bert.bos_id, bert.eos_id, bert.mask_id) == (0, 100, 101, 102, 103)
    assert bert.vocab_size == 30_522
    bert.save(tmp_path)
    assert load_tokenizer(tmp_path).hash == bert.hash == load_given(configured("wordpiece", files=files)).hash


def test_a_cased_vocabulary_keeps_its_case(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "a", "é"])
    )
    with pytest.raises(SynthError) as caught:
        train_or_load_tokenizer(configured("wordpiece", files=tmp_path), [])
    message = f"the entries in `{tmp_path}` have capital letters, and nothing says whether text keeps them"
    assert caught.value.message == message
    settings = tmp_path / "tokenizer_config.json"
    assert caught.value.hint == f'say it in `{settings}`: `{{"do_lower_case": false}}`, or true'
    settings.write_text('{"do_lower_case": false}')
    cased = train_or_load_tokenizer(configured("wordpiece", files=tmp_path), [])
    assert cased.encode_batch(["A a é"]) == [[5, 6, 7]]
    settings.write_text('{"do_lower_case": true}')
    with pytest.raises(SynthError) as caught:
        train_or_load_tokenizer(configured("wordpiece", files=tmp_path), [])
    why = "`normalizer.lowercase` is true, not null"
    assert caught.value.message == f"the files in `{tmp_path}` are not read as `wordpiece` reads: {why}"
    assert caught.value.hint == "ask for `huggingface`, which reads them as their settings say"


def test_words_by_falling_count(tmp_path: Path) -> None:
    texts = ["b a  <unk> b", "c\ta b", "d"]
    words = train_or_load_tokenizer(configured("words", 7), texts)
    assert words.encode_batch(["a b c\n d", "<unk>"]) == [[5, 4, 6, 3], [3]]
    assert words.decode([1, 5, 3, 4, 2, 0]) == "a b"
    assert words.vocab_size == 7
    words.save(tmp_path)
    assert (tmp_path / "vocab.txt").read_text() == "b\na\nc\n"
    assert load_tokenizer(tmp_path).hash == words.hash


def test_words_of_a_vocabulary_with_counts(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("the 17\n<unk> 5\nof 3\n")
    words = load_given(configured("words", files=tmp_path))
    assert words.encode_batch(["of the <unk>"]) == [[5, 4, 3]]


@pytest.mark.parametrize(
    ("kind", "size", "lines", "message"),
    [
        ("words", 5, "a\nb\n", "the vocabulary in `{}` has 6 ids, more than `vocab_size = 5`"),
        ("words", 50, "a\nb\na\n", "`{}/vocab.txt` names `a` twice"),
        ("words", 50, None, "`{}` lacks the `vocab.txt` of `words`"),
        ("wordpiece", 50, "[PAD]\n[UNK]\n[CLS]\na\n", "`{}/vocab.txt` lacks `[SEP]`, `[MASK]`"),
    ],
)
def test_wrong_vocabularies_are_refused(
    kind: str, size: int, lines: str | None, message: str, tmp_path: Path
) -> None:
    if lines is not None:
        (tmp_path / "vocab.txt").write_text(lines)
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured(kind, size, tmp_path), [])
    assert error.value.message == message.format(tmp_path)
    assert error.value.hint


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("words", 4, "`words` with `vocab_size = 4` has no room for a word"),
        (
            "wordpiece",
            9,
            "cannot train `wordpiece` with `vocab_size = 9`: marks and characters alone need 65",
        ),
    ],
)
def test_too_small_a_vocabulary_is_refused(kind: str, size: int, message: str) -> None:
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured(kind, size), TEXTS)
    assert error.value.message == message


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
