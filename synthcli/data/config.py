"""What a preset says about data; importing this is cheap."""

from typing import Annotated, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from synthcli.config import Config

TokenizerKind = Literal[
    "sentencepiece-unigram",
    "sentencepiece-bpe",
    "byte-level-bpe",
    "gpt2",
    "bytes",
    "wordpiece",
    "words",
    "huggingface",
]
FIXED_SIZES = {"gpt2": 50_260, "bytes": 260}
DEFAULT_VOCAB_SIZE = 32_000


class TokenizerConfig(Config):
    """How text becomes ids; `vocab_size` is the largest vocabulary wanted, pad, bos, eos and unk included."""

    kind: TokenizerKind
    vocab_size: Annotated[int, Field(ge=1)]
    # take the tokenizer saved in this folder; bare files will do for gpt2 (encoder.json, vocab.bpe), for
    # wordpiece and words (vocab.txt), and for huggingface (tokenizer.json)
    files: str | None = None
    # how a classifier reads texts of several fields; none: as the tokenizer's own checkpoint or store does
    form: Literal["named", "plain"] | None = None

    @model_serializer(mode="wrap")
    def _without_no_form(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        table: dict[str, object] = write(self)
        return {key: value for key, value in table.items() if key != "form" or value is not None}

    @model_validator(mode="before")
    @classmethod
    def _size_by_kind(cls, values: object) -> object:
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


class RampConfig(Config):
    """The size of batches grows linearly, from `from` until the fraction `until` of all steps is done."""

    first: Annotated[int, Field(ge=1, alias="from")]
    until: Annotated[float, Field(gt=0, le=1)]

    @model_serializer
    def _as_written(self) -> dict[str, object]:
        return {"from": self.first, "until": self.until}


class BatchConfig(Config):
    """One optimizer step: a number of sequences, or of tokens, padding included (rows times the longest)."""

    size: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    micro_size: Annotated[int, Field(ge=1)] | None = None  # sequences forwarded at once
    group_by_length: bool = False
    ramp: RampConfig | None = None  # none: all batches are of one size

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.size is None) == (self.max_tokens is None):
            raise ValueError("exactly one of `size` and `max_tokens` must be given")
        return self

    @model_validator(mode="after")
    def _room_to_grow(self) -> Self:
        if self.ramp is None:
            return self
        if self.size is None or self.group_by_length:
            raise ValueError("`ramp` needs a fixed `size`, and no `group_by_length`")
        if self.ramp.first > self.size:
            raise ValueError(f"`ramp.from = {self.ramp.first}` is more than `size = {self.size}`")
        return self


class MaskingConfig(Config):
    """Of all tokens `rate` are predicted: `mask` of them are masked, `random` are replaced, the rest stay."""

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    mask: Annotated[float, Field(ge=0, le=1)] = 0.8
    random: Annotated[float, Field(ge=0, le=1)] = 0.1

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.mask + self.random > 1:
            raise ValueError(f"`mask = {self.mask}` and `random = {self.random}` add up to more than 1")
        return self


class DenoisingConfig(Config):
    """Spans of `mean_span` tokens on average, `rate` of all tokens, give way to one sentinel each.

    The sentinels' ids follow the tokenizer's: a model needs `vocab_size` of both together.
    """

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    mean_span: Annotated[float, Field(ge=1)] = 3.0
    sentinels: Annotated[int, Field(ge=1)] = 100  # at most so many spans


class DataConfig(Config):
    """A corpus, its tokenizer, and how its rows become batches."""

    corpus: str
    source: str | None = None  # a folder in the publisher's layout; none: built in, or from the hub
    tokenizer: TokenizerConfig
    layout: Literal["rows", "packed", "packed-documents", "streams"] = "rows"  # language models only
    batch: BatchConfig
    masking: MaskingConfig | None = None  # masked-lm only; none: BERT's
    denoising: DenoisingConfig | None = None  # seq2seq from a corpus of text only

    @model_validator(mode="after")
    def _streams_by_size(self) -> Self:
        if self.layout != "streams":
            return self
        if self.batch.size is None:
            raise ValueError("`layout = streams` needs `batch.size`: the number of streams read side by side")
        if self.batch.group_by_length or self.batch.ramp:
            key = "group_by_length" if self.batch.group_by_length else "ramp"
            raise ValueError(
                f"`layout = streams` is read in order, segment by segment: leave `batch.{key}` out"
            )
        return self
