"""ROUGE of other letters than a to z: refused or noted by rouge-score's tokenizer, measured by ours."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from synthcli.errors import SynthError
from synthcli.evaluation.rouge import UnicodeTokenizer, count_dropped, rouge

# spellings of rows: (text, its tokens by hand)
TOKENS = [
    ("The cat's 2 hats.", ["the", "cat", "s", "2", "hats"]),
    ("Straße für Kinder!", ["straße", "für", "kinder"]),
    ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),  # vowel signs are marks, not letters
    ("e\u0301te\u0301", ["e\u0301te\u0301"]),
    ("我喜欢 GPT-2 模型", ["我", "喜", "欢", "gpt", "2", "模", "型"]),
    ("GPT模型gpt2", ["gpt", "模", "型", "gpt2"]),
    ("ดีมาก", ["ดี", "ม", "า", "ก"]),
    ("\u0301 a", ["a"]),  # a mark on nothing
    ("—…!", []),
]


@pytest.mark.parametrize(("text", "tokens"), TOKENS)
def test_unicode_tokens_by_hand(text: str, tokens: list[str]) -> None:
    assert UnicodeTokenizer().tokenize(text) == tokens


def test_equal_texts_of_any_script_score_100() -> None:
    texts = ["हिन्दी में लिखा", "我喜欢猫", "кот сидит"]
    for score in rouge(texts, texts, "unicode"):
        assert score.value == 100
        assert score.signature == "rouge-score|stemmer:no|tokenizer:unicode"
        assert "letters written without spaces one by one" in score.protocol


def test_a_subsequence_of_han_letters_by_hand() -> None:
    score = rouge(["我爱猫"], ["我喜欢猫"], "unicode")[0]  # 2 in common, of 3 and of 4
    assert score.value == pytest.approx(100 * 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))


def test_ascii_text_scores_as_rouge_score_does_by_either_tokenizer() -> None:
    hypotheses, references = ["The cat sat.", "a dog"], ["the cat sat down", "A big dog ran"]
    scorer = RougeScorer(["rougeL"])
    want = [scorer.score(r, h)["rougeL"].fmeasure for h, r in zip(hypotheses, references, strict=True)]
    for tokenizer in ("ascii", "unicode"):
        assert rouge(hypotheses, references, tokenizer)[0].value == pytest.approx(100 * sum(want) / 2)


def test_texts_of_which_no_letter_is_kept_are_refused() -> None:
    with pytest.raises(SynthError) as refused:
        rouge(["我喜欢"], ["我喜欢"])
    assert refused.value.message == (
        "rouge-score's tokenizer drops all 3 letters of the references: it keeps a to z"
    )
    assert refused.value.hint == "`--rouge-tokenizer unicode` keeps the letters of every script"


def test_dropped_letters_are_counted() -> None:
    assert count_dropped(["für 12 Kinder", "été!"]) == (3, 12)
    assert count_dropped(["Straße"]) == (1, 6)  # in capitals it would be two letters that are kept


def test_words_are_not_stemmed_and_texts_have_partners() -> None:
    assert rouge(["running dogs"], ["run dog"])[0].value == 0
    with pytest.raises(ValueError, match="longer"):
        rouge(["a"], ["a", "b"])
