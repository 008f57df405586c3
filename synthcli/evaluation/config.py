"""How a model is evaluated: `[evaluation]` of a preset. Importing this imports no torch."""

from typing import Literal

from pydantic import Field, field_validator

from synthcli.config import Config
from synthcli.data.corpora.source import ALSO

RougeTokenizer = Literal["ascii", "unicode"]
MetricName = Literal["bleu", "rouge", "cider", "perplexity", "accuracy", "f1", "matthews", "correlation"]


class EvaluationConfig(Config):
    """`beam = 1` is greedy; `max_length` counts generated tokens and defaults to the model's own limit.

    Of a split read as streams, a position sees `window` earlier ones, by default a segment's length; one of
    the `streams` loses no context, more of them are faster. Windows of packed text overlap, so that each
    target is predicted from at least `context` tokens before it, where there are so many. `rouge_tokenizer`
    keeps the letters a to z, as rouge-score does, or those of every script.
    """

    metrics: tuple[MetricName, ...] = Field(min_length=1)
    split: Literal["train", "validation", "test"] = "test"
    beam: int = Field(4, gt=0)
    length_penalty: float = Field(0.6, ge=0)
    max_length: int | None = Field(None, gt=0)
    batch_size: int = Field(64, gt=0)
    rouge_tokenizer: RougeTokenizer = "ascii"
    window: int | None = Field(None, gt=0)
    streams: int = Field(1, gt=0)
    context: int = Field(0, ge=0)
    bootstrap: int = Field(1000, ge=0)
    seed: int = Field(0, ge=0)

    @field_validator("split", mode="before")
    @classmethod
    def _split_by_another_name(cls, value: object) -> object:
        return ALSO.get(value, value) if isinstance(value, str) else value
