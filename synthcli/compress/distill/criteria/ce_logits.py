"""Cross-entropy of features read as classes: −Σ_t Σ_j softmax(y_t)_j log softmax(ŷ_t)_j.

The loss of the original's repository on what it calls logits, kept for the record: the features of a hidden
state are no classes, and `cosine` is the meaningful form.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.compress.distill.criteria.base import Criterion, Given, real_rows
from synthcli.model.context import Context


def ce_logits(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion; the softmax is over the features of one token."""

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        prediction = F.log_softmax(real_rows(student(x, context)[0], context), dim=-1)
        return -(F.softmax(real_rows(y, context), dim=-1) * prediction).sum()

    return Criterion("ce-logits", loss)
