"""What makes logits of the last hidden states."""

from typing import Literal

from pydantic import Field

from synthcli.config import Config

PoolName = Literal["mean", "first", "last"]


class HeadConfig(Config):
    """What stands between hidden states and logits; `dropout` acts on the hidden states of a language model.

    Language models: `bias` of every word's logit; `transform` is BERT's dense map, activation and norm.
    Classifiers: `pool` makes one vector of a sequence, its mean, first or last; `pooler` is BERT's dense map
    and tanh on it; `output` is a logit a class, one number (`regression`), or one logit for each of several
    texts (`choice`).
    A masked-lm whose `output` is `hidden` came without a head: its hidden states are what it is for, and its
    logits H Eᵀ were never trained.
    """

    bias: bool = False
    transform: bool = False
    dropout: float = Field(0.0, ge=0, lt=1)
    pool: PoolName = "mean"
    pooler: bool = False
    output: Literal["classes", "regression", "choice", "hidden"] = "classes"
