"""Expressions of a tokenizer that may take for ever are refused; every published one is accepted."""

import json
import time
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from synthcli.data.tokenizers import load_tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, load_published
from synthcli.data.tokenizers.patterns import RunawayError, refuse_expression, refuse_runaway
from synthcli.errors import SynthError

CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PUBLISHED = {
    "gpt2": rf"{CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+",
    "cl100k": rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:{CONTRACTIONS})?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:{CONTRACTIONS})?|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "clip": r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "kimi": r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}&&[^\p{Han}]]*[\p{Ll}&&[^\p{Han}]]+(?i:'s|'t)?",
    "spaces": r" {2,}",
    "digits from the right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
    "literal braces": r"{x}|{,}|\{2\}",
    "names": r"(?<word>\w+)(?<=a)(?<!b)(?>c)(?i)d",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_expression_is_accepted(name: str) -> None:
    Regex(PUBLISHED[name])  # as the library reads it
    refuse_expression(PUBLISHED[name])


RUNAWAY = [
    r"(a+)+$",
    r"(a|a)*$",
    r"(a|aa)+$",
    r"(a*)*",
    r"(a?){30}a{30}",
    r"(?:a+b?)*c",
    r"((a))+(b|c)*",
    r"a*a*a*c",
    r"\s*\s*\s*x",
    r"\w*\w*\d",
    r"[ab]*[ab]*\d",
    r"a*(?:a*c)",
    r"(?:a*a*)c",
    r"a{0,9999}a{0,9999}c",
    r"a*a*(?=c)",
    r"a*a*$",
    r"a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaa",
    r"(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)",
    r"(?=(a+)+$)",
    r"(?i:(x+x+)+y)",
    r"(.*)\1+",
    r"(?<n>a+)\k<n>",
    r"\g<0>",
    r"(?(1)a|b)",
    r"a{1,9999999}",
    r"a+*b",
    r"a**",
    r"([a-z]+)*!",
    r"([\]a]+)*!",
    "(" * 60 + "a" + ")" * 60,
    "a" * 200_000,
    r"a)",
]


@pytest.mark.parametrize("expression", RUNAWAY)
def test_an_expression_that_may_run_away_is_refused(expression: str) -> None:
    with pytest.raises(RunawayError):
        refuse_expression(expression)


def test_the_rule_bounds_the_time() -> None:
    """Whatever the rule lets through ends on texts made to be read in many ways."""
    for name, expression in PUBLISHED.items():
        tokenizer = Tokenizer(models.BPE({"a": 0}, [], unk_token="a"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(expression), "isolated")
        began = time.process_time()
        for text in ("a" * 3_000 + "\x00", " " * 3_000 + "x", "'" * 3_000, "Aa" * 1_500 + "!", "1" * 3_000):
            tokenizer.encode(text)
        assert time.process_time() - began < 20, name


def description(**changes: object) -> str:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.dumps(json.loads(tokenizer.to_str()) | changes)


def split(expression: str) -> dict[str, object]:
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


def replace(content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": "a"}, "content": content}


BOMBS: dict[str, tuple[dict[str, object], str]] = {
    "split": (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split("(a+)+$")]}},
        "the expression `(a+)+$` repeats what can be read in several ways: it may take for ever",
    ),
    "replace": (
        {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a|a)*b"}, "content": ""}},
        "the expression `(a|a)*b` repeats what can be read in several ways: it may take for ever",
    ),
    "growth": (
        {"normalizer": {"type": "Sequence", "normalizers": [replace("a" * 10)] * 12}},
        "its `normalizer` makes 1,000,000,000,000 characters of one",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_folder_with_a_bomb(name: str, tmp_path: Path) -> None:
    changes, reason = BOMBS[name]
    (tmp_path / "tokenizer.json").write_text(description(**changes))
    special = {"eos_token": "[UNK]", "pad_token": "[UNK]", "unk_token": "[UNK]", "bos_token": "[UNK]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(special))
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert caught.value.message == f"the tokenizer in `{tmp_path}` cannot be read: {reason}"


def test_a_saved_tokenizer_with_a_bomb(tmp_path: Path) -> None:
    ids = {"pad": 1, "bos": 1, "eos": 1, "unk": 1}
    HuggingFaceTokenizer(description(), ids).save(tmp_path)
    (tmp_path / "tokenizer.json").write_text(description(pre_tokenizer=split("(a+)+$")))
    with pytest.raises(SynthError, match="may take for ever"):
        load_tokenizer(tmp_path)


def test_words_of_any_length() -> None:
    with pytest.raises(RunawayError, match="`max_input_chars_per_word` is 1,000,000,000, allowed"):
        refuse_runaway({"model": {"type": "WordPiece", "max_input_chars_per_word": 10**9}})


def test_a_vocabulary_is_no_expression() -> None:
    refuse_runaway({"model": {"vocab": {"Regex": "(a+)+"}, "merges": [{"Regex": "(a+)+"}]}})


def test_an_engine_that_gives_up_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine stops after ten million steps at a place: had the rule let it through, it would be told."""
    monkeypatch.setattr("synthcli.data.tokenizers.published.pipelines.refuse_runaway", lambda table: None)
    tokenizer = HuggingFaceTokenizer(
        description(pre_tokenizer=split(r"\w*\w*\d")), {"pad": 1, "bos": 1, "eos": 1, "unk": 1}
    )
    with pytest.raises(SynthError) as caught:
        tokenizer.encode_batch(["b", "a" * 99_998 + "!1"])
    assert caught.value.message == "an expression of the tokenizer gave up on a text of 100,000 characters"
