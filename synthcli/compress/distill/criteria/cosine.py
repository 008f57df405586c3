"""Direction alone: Σ_t 1 − cos(y_t, ŷ_t); how long ŷ is does not matter to it."""

import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, real_rows
from synthcli.model.context import Context


def cosine(given: Given, student: nn.Module) -> Criterion:
    """Return the form of `ce-logits` that means something: features are no classes."""

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        predicted = real_rows(student(x, context)[0], context)
        return (1 - F.cosine_similarity(predicted, real_rows(y, context), dim=-1)).sum()

    return Criterion("cosine", loss)
