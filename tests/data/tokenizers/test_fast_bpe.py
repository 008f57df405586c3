"""The fast ids of byte-level BPE are those of the tokenizers library, on text that nobody writes."""

import random
from itertools import compress, pairwise
from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.pretokenise import encode_texts
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.bpe import BYTES
from synthcli.data.tokenizers.byte_level_bpe import train
from synthcli.data.tokenizers.fast_bpe import LONGEST, SEPARATOR, fast_encoding, find_known_texts
from synthcli.data.tokenizers.gpt2 import PUBLISHED, Gpt2Tokenizer

RNG = random.Random(0)
SPACES = " \t\n\r\v\f\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\ufeff"
WORDS = (
    "the",
    " of",
    "'s",
    "'LL",
    "'re'",
    "<|endoftext|>",
    "<pad>",
    " 1 234",
    "ǅ",
    "e\u0301",
    "日本語",
    "ﬁ",
    "½",
    "٣",
    "🏳️‍🌈",
)


def odd_texts(count: int) -> list[str]:
    """Return texts of any characters, of white space, and of words and marks thrown together."""
    texts = ["", " ", "  ", SEPARATOR, f"a{SEPARATOR[0]}", SEPARATOR[1], "\ufdd1" + SEPARATOR, "\ufffe", "\0"]
    texts += ["a" * LONGEST, "a" * (LONGEST + 1), " " * LONGEST, "ab " * 5_000, "日" * 20_000]
    for _ in range(count):
        size = RNG.randrange(1, 30)
        anything = [chr(code) for code in RNG.choices(range(0x110000), k=size) if not 0xD800 <= code < 0xE000]
        low = [chr(code) for code in RNG.choices(range(0x3000), k=size)]
        texts += ["".join(anything), "".join(low), "".join(RNG.choices(SPACES, k=size))]
        texts.append("".join(RNG.choices([*SPACES, *WORDS, *"aA.,!-'’"], k=size)))
    return texts


def same_ids(tokenizer: Tokenizer, texts: list[str]) -> bool:
    values, ends = encode_texts(tokenizer, texts)
    found = [values[first:last].tolist() for first, last in pairwise(ends)]
    return found == tokenizer.encode_batch(texts)


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    sample = [Path(random.__file__).read_text(), *odd_texts(500)]
    return train(TokenizerConfig(kind="byte-level-bpe", vocab_size=1_500), sample)


@pytest.fixture(scope="module")
def gpt2(shared: Path) -> Tokenizer:
    return Gpt2Tokenizer.load(shared / "data/tokenizers/gpt2")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trained", "gpt2"])
def test_odd_texts_have_the_same_ids(name: str, request: pytest.FixtureRequest) -> None:
    tokenizer = request.getfixturevalue(name)
    assert tokenizer.fast_encoding is not None
    texts = odd_texts(1_000)
    assert 0.3 < find_known_texts(texts).mean() < 0.9
    assert same_ids(tokenizer, texts) and same_ids(tokenizer, texts[:1]) and same_ids(tokenizer, [])


@pytest.mark.slow
def test_every_character_is_cut_alike(trained: Tokenizer) -> None:
    """Many to a text, those that are not known apart: of them `tokenizers` decides itself."""
    characters = [chr(code) for code in range(0x20100) if not 0xD800 <= code < 0xE000]
    is_known = find_known_texts(characters)
    assert 0.4 < is_known.mean() < 0.9
    known = [f"a{one}1{one} {one}!{one}  {one}b" for one in compress(characters, is_known)]
    others = [f"a{one}1{one} {one}!{one}  {one}b" for one in compress(characters, ~is_known)]
    texts = ["".join(known[first : first + 50]) for first in range(0, len(known), 50)]
    assert find_known_texts(texts).all() and same_ids(trained, texts)
    assert not find_known_texts(others).any() and same_ids(trained, others[::16])


def test_the_published_vocabulary_is_as_if_it_were_tried(gpt2: Gpt2Tokenizer) -> None:
    assert gpt2.hash == PUBLISHED
    again = Gpt2Tokenizer(gpt2.vocabulary, gpt2.merges + b"\n")
    assert again.hash != PUBLISHED and again.fast_encoding is not None


def test_half_of_a_pair_is_refused_as_it_was(trained: Tokenizer) -> None:
    with pytest.raises((UnicodeEncodeError, TypeError)):
        trained.encode_batch(["\ud800"])
    with pytest.raises((UnicodeEncodeError, TypeError)):
        encode_texts(trained, ["\ud800"])


REFUSED = {
    "merges and ids in another order": [("a", "b"), ("c", "d")],
    "an entry of two pairs": [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")],
    "an entry that its bytes never become": [("b", "c"), ("a", "b"), ("ab", "c")],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_vocabulary_whose_ids_may_be_others_is_left_to_the_library(name: str) -> None:
    pairs = REFUSED[name]
    entries = list(dict.fromkeys(left + right for left, right in pairs))
    entries = entries[::-1] if "order" in name else entries
    vocabulary = {entry: number for number, entry in enumerate([*BYTES, *entries])}
    assert fast_encoding(vocabulary, pairs) is None


def test_a_vocabulary_without_a_byte_is_left_to_the_library() -> None:
    vocabulary = {entry: number for number, entry in enumerate([*BYTES][1:])}
    assert fast_encoding(vocabulary, []) is None
