"""What a preset says about data; importing this is cheap."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from synthcli.config import Config

TokenizerKind = Literal["sentencepiece-unigram", "sentencepiece-bpe", "gpt2", "bytes"]
FIXED_SIZES = {"gpt2": 50_260, "bytes": 260}
DEFAULT_VOCAB_SIZE = 32_000


class TokenizerConfig(Config):
    """How text becomes ids; `vocab_size` is the largest vocabulary wanted, pad, bos, eos and unk included."""

    kind: TokenizerKind
    vocab_size: Annotated[int, Field(ge=1)]
    files: str | None = (
        None  # take the tokenizer saved in this folder; gpt2: encoder.json and vocab.bpe will do
    )

    @model_validator(mode="before")
    @classmethod
    def _size_by_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and "kind" in values and values.get("vocab_size") is None:
            return {**values, "vocab_size": FIXED_SIZES.get(str(values["kind"]), DEFAULT_VOCAB_SIZE)}
        return values

    @model_validator(mode="after")
    def _large_enough(self) -> Self:
        if self.vocab_size < FIXED_SIZES.get(self.kind, 0):
            fixed = f"`{self.kind}` has {FIXED_SIZES[self.kind]} ids"
            raise ValueError(f"`vocab_size = {self.vocab_size}`, but {fixed}: raise it or leave it out")
        return self

    @property
    def size(self) -> int:
        """The vocabulary asked for; a kind whose vocabulary is fixed has that one."""
        return FIXED_SIZES.get(self.kind, self.vocab_size)


class BatchConfig(Config):
    """One optimizer step: a number of sequences, or of tokens, padding included (rows times the longest)."""

    size: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    micro_size: Annotated[int, Field(ge=1)] | None = None  # sequences forwarded at once
    group_by_length: bool = False

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.size is None) == (self.max_tokens is None):
            raise ValueError("exactly one of `size` and `max_tokens` must be given")
        return self


class DataConfig(Config):
    """A corpus, its tokenizer, and how its rows become batches."""

    corpus: str
    source: str | None = None  # a folder in the publisher's layout; none: built in, or from the hub
    tokenizer: TokenizerConfig
    layout: Literal["rows", "packed", "packed-documents"] = "rows"  # language models only
    batch: BatchConfig
