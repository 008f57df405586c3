"""Absolute error over the deviation of the target: Σ_t 1/d Σ_j |y_tj − ŷ_tj| / σ, with σ² = E‖y − ȳ‖² / d."""

from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, real_rows
from synthcli.model.context import Context


def l1(given: Given, student: nn.Module) -> Criterion:
    """Return a criterion of the original's: outlying features count for less than with `mse`."""

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        error = real_rows(student(x, context)[0], context) - real_rows(y, context)
        deviation = (given.variance / error.shape[-1]) ** 0.5
        return error.abs().mean(-1).sum() / deviation

    return Criterion("l1", loss)
