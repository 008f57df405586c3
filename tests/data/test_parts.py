"""Ids of parts, one after the other, are the ids of the text."""

import random
from pathlib import Path

import numpy as np
import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.preparing import parts
from synthcli.data.preparing.parts import CUTS, encode_of, led_parts, numbers_in, sentence_parts
from synthcli.data.tokenizers import TOKENIZERS, Tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer

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


@pytest.mark.parametrize("kind", [kind for kind in TOKENIZERS if kind != "gpt2"])
def test_ids_are_those_of_the_tokenizer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, given = tokenizer_of(kind), texts()
    encode = encode_of(tokenizer)
    assert encode(given).to_pylist() == tokenizer.encode_batch(given)
    monkeypatch.setattr(parts, "PARTS_KEPT", 10)
    assert encode(given[::-1]).to_pylist() == tokenizer.encode_batch(given[::-1])
    assert encode([]).to_pylist() == []


def test_ids_are_those_of_gpt2(shared: Path) -> None:
    tokenizer, given = Gpt2Tokenizer.load(shared / "data/tokenizers/gpt2"), texts()
    assert encode_of(tokenizer)(given).to_pylist() == tokenizer.encode_batch(given)


def test_where_texts_are_cut() -> None:
    assert sentence_parts("a bc d") == ["a", "bc", "d"]
    assert sentence_parts("  a  bc ") == ["  a", " bc "]
    assert sentence_parts("a\u2581 b") == ["a\u2581 b"]
    assert led_parts("a bc  d\n e") == ["a", " bc  d\n e"]


def test_a_part_is_given_to_the_tokenizer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "sentencepiece-bpe"
    assert kind in CUTS
    tokenizer, asked = tokenizer_of(kind), list[str]()
    encode_batch = type(tokenizer).encode_batch

    def counted(self: Tokenizer, given: list[str]) -> list[list[int]]:
        asked.extend(given)
        return encode_batch(tokenizer, given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(tokenizer), "encode_batch", counted)
    encode = encode_of(tokenizer)
    for _ in range(2):
        encode(["the tree", "of the tree"])
    assert sorted(asked) == ["of", "the", "tree"]


def test_numbers_of_a_slice() -> None:
    array = parts.integers(parts.ends_of(np.arange(5)))
    assert numbers_in(array[2:5]).tolist() == array.to_pylist()[2:5]
    assert numbers_in(array[:0]).tolist() == []
