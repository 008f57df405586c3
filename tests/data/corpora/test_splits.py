"""Splits by the names publishers give them, and which have words."""

import numpy as np
import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.corpora.source import find_split
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from tests.data.small import BYTES, wikitext


@pytest.mark.parametrize("word", ["dev", "val", "valid", "validation"])
def test_validation_by_any_name(word: str) -> None:
    assert find_split(word) == "validation"
    assert EvaluationConfig.model_validate({"metrics": ("bleu",), "split": word}).split == "validation"


def test_another_word_is_no_split() -> None:
    with pytest.raises(SynthError) as error:
        find_split("tst")
    assert (error.value.message, error.value.hint) == ("unknown split `tst`", "did you mean `test`?")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (" words of a language ", None),
        ("ACGT" * 20, "80 bytes on average stand between white space, and are no words"),
    ],
)
def test_words_are_counted_where_white_space_parts_some(line: str, why: str | None, tmp_path) -> None:
    store = prepare_store("wikitext-2", BYTES, tmp_path / "stores", wikitext(tmp_path / "data", [line] * 3))
    examples = Examples(store, "train", "causal-lm", max_target=8)
    assert examples.lacks_words() == why
    assert examples.words(np.arange(len(examples))).sum() > 0


def test_text_that_is_bytes_has_no_words() -> None:
    assert [name for name, corpus in CORPORA.items() if not corpus.has_words] == ["stdlib-bytes", "enwik8"]
