"""Ids of parts, one after the other, are the ids of the text."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare import pretokenise
from synthcli.data.prepare.pretokenise import PRE_TOKENISERS, Encode, find_fastest_encoding
from synthcli.data.prepare.texts import TextBuffer
from synthcli.data.tokenizers import TRAINERS, Tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.data.tokenizers.sentencepiece import split_words

WORDS = ["the", "of", "Haus", "straße", "don't", "naïve", "1,234", "tree-house", "x=f(y)", "\u0301"]
ODD = "ab  \t\n\u2581é\u0301\u3000\x1c\x85.,'\u200b漢🙂\x00\u00a0 "


def texts() -> list[str]:
    draw = random.Random(0)
    plain = [" ".join(draw.choices(WORDS, k=draw.randint(0, 12))) for _ in range(400)]
    odd = ["".join(draw.choices(ODD, k=draw.randint(0, 30))) for _ in range(2_000)]
    return plain + odd + ["", " ", "  ", " a", "a ", "a  b", "  a  b  ", "\n", "\u2581", " \u2581 a"]


def tokenizer_of(kind: str) -> Tokenizer:
    sizes = {"bytes": 260, "gpt2": 50_260}
    config = TokenizerConfig.model_validate({"kind": kind, "vocab_size": sizes.get(kind, 700)})
    return train_or_load_tokenizer(config, iter(texts()))


def ids(encode: Encode, given: list[str]) -> list[list[int]]:
    found: list[list[int]] = encode(TextBuffer.join(given)).to_pylist()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*TRAINERS, "bytes", "words"])
def test_ids_are_those_of_the_tokenizer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, given = tokenizer_of(kind), texts()
    encode = find_fastest_encoding(tokenizer)
    assert ids(encode, given) == tokenizer.encode_batch(given)
    monkeypatch.setattr(pretokenise, "PARTS_KEPT", 10)
    assert ids(encode, given[::-1]) == tokenizer.encode_batch(given[::-1])
    assert ids(encode, []) == []
    assert [ids(encode, [text])[0] for text in given[-40:]] == tokenizer.encode_batch(given[-40:])


def test_ids_are_those_of_gpt2(shared: Path) -> None:
    tokenizer, given = Gpt2Tokenizer.load(shared / "data/tokenizers/gpt2"), texts()
    assert ids(find_fastest_encoding(tokenizer), given) == tokenizer.encode_batch(given)


def cut(kind: str, given: list[str]) -> list[str]:
    """Return what a tokenizer is given of some texts."""
    joined = TextBuffer.join(given)
    places = PRE_TOKENISERS[kind](joined).tolist()
    found = (joined.data[start:end] for start, end in pairwise(places))
    return [PRE_TOKENISERS[kind].text(part.decode()) for part in found]


def test_where_texts_are_cut() -> None:
    assert cut("sentencepiece-unigram", ["a bc d", "", "e"]) == ["a", "bc", "d", "", "e"]
    assert cut("sentencepiece-bpe", ["  a  bc ", "  ", " d"]) == ["  a", " bc ", "  ", " d"]
    assert cut("sentencepiece-bpe", ["a\u2581 b", "c d"]) == ["a\u2581 b", "c", "d"]
    assert cut("wordpiece", ["a  bc"]) == ["a", "", "bc"]
    assert cut("gpt2", ["a bc  d\n e", " f", "ä é\u3000 g"]) == ["a", " bc  d\n e", " f", "ä", " é\u3000 g"]


@pytest.mark.parametrize("kind", ["sentencepiece-bpe", "sentencepiece-unigram"])
def test_words_are_cut_as_the_tokenizer_does(kind: str) -> None:
    assert cut(kind, texts()) == [word for text in texts() for word in split_words(text)]


def test_a_part_is_given_to_the_tokenizer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, asked = tokenizer_of("byte-level-bpe"), list[str]()
    encode_batch = type(tokenizer).encode_batch

    def counted(self: Tokenizer, given: list[str]) -> list[list[int]]:
        asked.extend(given)
        return encode_batch(tokenizer, given)

    monkeypatch.setattr(type(tokenizer), "encode_batch", counted)
    monkeypatch.setattr(type(tokenizer), "fast_encoding", None)
    encode = find_fastest_encoding(tokenizer)
    for _ in range(2):
        ids(encode, ["the tree", "of the tree", "of"])
    assert sorted(asked) == [" the", " tree", "of", "the"]
