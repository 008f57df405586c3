"""What the configuration of data accepts."""

import pytest
from pydantic import ValidationError

from synthcli.data.config import BatchConfig, TokenizerConfig


@pytest.mark.parametrize(
    ("kind", "size"), [("bytes", 260), ("gpt2", 50_260), ("sentencepiece-unigram", 32_000)]
)
def test_a_vocabulary_has_a_size_of_its_kind(kind: str, size: int) -> None:
    config = TokenizerConfig.model_validate({"kind": kind})
    assert (config.vocab_size, config.size) == (size, size)


def test_a_limit_above_a_fixed_vocabulary_changes_nothing() -> None:
    config = TokenizerConfig(kind="bytes", vocab_size=32_000)
    assert (config.vocab_size, config.size) == (32_000, 260)


def test_a_limit_below_a_fixed_vocabulary_is_refused() -> None:
    with pytest.raises(ValidationError) as error:
        TokenizerConfig(kind="gpt2", vocab_size=32_000)
    assert error.value.errors()[0]["msg"] == (
        "Value error, `vocab_size = 32000`, but `gpt2` has 50260 ids: raise it or leave it out"
    )


@pytest.mark.parametrize("values", [{}, {"size": 1, "max_tokens": 1}])
def test_a_batch_has_one_measure(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError) as error:
        BatchConfig.model_validate(values)
    assert error.value.errors()[0]["msg"] == (
        "Value error, exactly one of `size` and `max_tokens` must be given"
    )
