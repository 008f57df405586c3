"""Divergence of attention maps: Σ_t 1/H Σ_h KL(softmax_k S_ht ‖ softmax_k Ŝ_ht), over keys, head by head.

The student needs as many heads as the teacher. Values and output are no part of it and are fitted besides.
"""

from typing import Any

import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import scores_of
from synthcli.compress.distill.criteria.base import Criterion, Given
from synthcli.compress.distill.criteria.maps import map_divergence
from synthcli.compress.distill.criteria.mse_scores import refuse_other_heads
from synthcli.model.context import Context


def ce_scores(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion of maps."""
    refuse_other_heads("ce-scores", given.teacher, student)

    def loss(student: Any, x: Tensor, y: Tensor, context: Context) -> Tensor:
        with torch.no_grad():
            target = scores_of(given.teacher, x, context)  # type: ignore[arg-type]
        return map_divergence(target, scores_of(student, x, context), context)

    return Criterion("ce-scores", loss, fits_output=False, fixed=(given.teacher,))
