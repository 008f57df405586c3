"""Squared error over the variance of the target: Σ_t ‖y_t − ŷ_t‖² / E‖y − ȳ‖², whose mean is the NMSE."""

from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, real_rows
from synthcli.model.context import Context


def mse(given: Given, student: nn.Module) -> Criterion:
    """Return the default criterion."""

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        error = real_rows(student(x, context)[0], context) - real_rows(y, context)
        return error.square().sum() / given.variance

    return Criterion("mse", loss, is_error=True)
