"""Score functions: what fills S in `softmax(S) V`. Adding one is a file here and a line in `SCORES`."""

from synthcli.model.scores.base import ScoreFunction, ScoreShape
from synthcli.model.scores.dense import Dense
from synthcli.model.scores.dot_product import DotProduct
from synthcli.model.scores.factorized_dense import FactorizedDense
from synthcli.model.scores.factorized_random import FactorizedRandom
from synthcli.model.scores.random import Random
from synthcli.model.scores.relative import Relative

SCORES: dict[str, type[ScoreFunction]] = {
    "dot-product": DotProduct,
    "dense": Dense,
    "random": Random,
    "factorized-dense": FactorizedDense,
    "factorized-random": FactorizedRandom,
    "relative": Relative,
}

__all__ = ["SCORES", "ScoreFunction", "ScoreShape"]
