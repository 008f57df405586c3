"""Divergence of attention maps: Σ_t 1/H Σ_h KL(softmax_k S_ht ‖ softmax_k Ŝ_ht), over keys, head by head.

The student needs as many heads as the teacher. Values and output are no part of it and are fitted besides.
"""

import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import mix_scores
from synthcli.compress.distill.criteria.base import Criterion, Given
from synthcli.compress.distill.criteria.maps import map_divergence
from synthcli.compress.distill.criteria.mse_scores import refuse_other_heads
from synthcli.model.context import Context
from synthcli.model.mixers import Attention


def ce_scores(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion of maps."""
    teacher = given.teacher
    refuse_other_heads("ce-scores", teacher, student)
    assert isinstance(teacher, Attention), "others are refused"

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        assert isinstance(student, Attention)
        with torch.no_grad():
            target = mix_scores(teacher, x, context)
        return map_divergence(target, mix_scores(student, x, context), context)

    return Criterion("ce-scores", loss, fits_output=False, fixed=(teacher,))
