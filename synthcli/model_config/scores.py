"""Score functions: what fills S in `softmax(S) V`. `synthcli.model.scores` computes them."""

from typing import Annotated, Literal

from pydantic import Field

from synthcli.config import Config
from synthcli.model_config.names import ActivationName


class ScoreBase(Config):
    """What every score function has; most hold tables of positions, which come to an end."""

    @property
    def has_length_limit(self) -> bool:
        return True


class DotProductConfig(ScoreBase):
    """`query = "input"` takes the input itself for the query (SRU++).

    `qk_norm` normalises queries and keys by head; `soft_cap` c bounds scores: c · tanh(S / c).
    `zero_query` starts at W_q = 0, where attention is the mean of what is visible (He & Hofmann 2023).
    """

    kind: Literal["dot-product"] = "dot-product"
    bias: bool = True
    query: Literal["projection", "input"] = "projection"
    qk_norm: Literal["none", "rms", "layer"] = "none"
    soft_cap: float | None = Field(None, gt=0)
    zero_query: bool = False

    @property
    def has_length_limit(self) -> bool:
        return False


class DenseConfig(ScoreBase):
    """`input = "head"`: each head sees its slice of x (the paper); `"model"`: one hidden layer of the whole
    width serves all heads (the authors of the reproduction). `hidden` defaults to the width it reads; 0
    leaves the hidden layer out."""

    kind: Literal["dense"] = "dense"
    input: Literal["head", "model"] = "head"
    hidden: int | None = Field(None, ge=0)
    activation: ActivationName = "relu"


class RandomConfig(ScoreBase):
    """A table of scores that no token influences; `init_std` defaults to 1/√max_keys."""

    kind: Literal["random"] = "random"
    trainable: bool = True
    init_std: float | None = Field(None, ge=0)


class FactorizedDenseConfig(ScoreBase):
    """`a` must divide the length; it defaults to the divisor nearest below √N. `hidden` as in `dense`."""

    kind: Literal["factorized-dense"] = "factorized-dense"
    input: Literal["head", "model"] = "head"
    hidden: int | None = Field(None, ge=0)
    activation: ActivationName = "relu"
    a: int | None = Field(None, gt=0)


class FactorizedRandomConfig(ScoreBase):
    """The random table through a rank-k bottleneck; the paper uses k = 8."""

    kind: Literal["factorized-random"] = "factorized-random"
    rank: int = Field(8, gt=0)
    trainable: bool = True


class RelativeConfig(ScoreBase):
    """Queries meet keys and distances (Transformer-XL); `clamp` is the longest distance that evaluation
    tells from longer ones."""

    kind: Literal["relative"] = "relative"
    bias: bool = False
    clamp: int | None = Field(None, gt=0)

    @property
    def has_length_limit(self) -> bool:
        return False


ScoreConfig = Annotated[
    DotProductConfig
    | DenseConfig
    | RandomConfig
    | FactorizedDenseConfig
    | FactorizedRandomConfig
    | RelativeConfig,
    Field(discriminator="kind"),
]
