"""A claim: one number somebody published, with the protocol that gives it its meaning."""

from typing import Literal

from pydantic import Field

from synthcli.config import Config

ClaimMetric = Literal[
    "bleu",
    "perplexity",
    "log-perplexity",
    "loss",
    "bpc",
    "rouge",
    "accuracy",
    "glue",
    "superglue",
    "speed",
    "parameters",
]


class Paper(Config):
    """Where an experiment was published; `table`, `figure` and `row` only where they are known.

    `url` stands in for `arxiv` where a report never went there.
    """

    name: str
    arxiv: str | None = None
    url: str | None = None
    table: str | None = None
    figure: str | None = None
    row: str | None = None


class Claim(Config):
    """`protocol`: how the number was measured, flaws included; `verified`: a second public source agrees."""

    metric: ClaimMetric
    value: float = Field(gt=0)
    protocol: str = Field(min_length=1)
    source: Literal["paper", "repository"]
    verified: bool
