"""Score functions: what fills S in `softmax(S) V`. Adding one is a file here and a line in `SCORES`."""

from typing import Annotated, Any

from pydantic import Field

from synthcli.model.scores.base import ScoreFunction, ScoreShape
from synthcli.model.scores.dense import Dense, DenseConfig
from synthcli.model.scores.dot_product import DotProduct, DotProductConfig
from synthcli.model.scores.factorized_dense import FactorizedDense, FactorizedDenseConfig
from synthcli.model.scores.factorized_random import FactorizedRandom, FactorizedRandomConfig
from synthcli.model.scores.random import Random, RandomConfig

SCORES: dict[str, Any] = {
    "dot-product": DotProduct,
    "dense": Dense,
    "random": Random,
    "factorized-dense": FactorizedDense,
    "factorized-random": FactorizedRandom,
}

ScoreConfig = Annotated[
    DotProductConfig | DenseConfig | RandomConfig | FactorizedDenseConfig | FactorizedRandomConfig,
    Field(discriminator="kind"),
]

__all__ = ["SCORES", "ScoreConfig", "ScoreFunction", "ScoreShape"]
