"""Squared error of scores before the softmax: Σ_t 1/(H K_t) Σ_h Σ_k (S_htk − Ŝ_htk)², of K_t visible keys.

The student needs as many heads as the teacher. Values and output are no part of it and are fitted besides.
"""

import torch
from torch import Tensor, nn

from synthcli.compress.activations.capture import mix_scores
from synthcli.compress.distill.criteria.base import Criterion, Given, refuse_other_mixers
from synthcli.compress.distill.criteria.maps import mask_visible
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention


def mse_scores(given: Given, student: nn.Module) -> Criterion:
    """Return the criterion of scores."""
    teacher = given.teacher
    refuse_other_heads("mse-scores", teacher, student)
    assert isinstance(teacher, Attention), "others are refused"

    def loss(student: nn.Module, x: Tensor, y: Tensor, context: Context) -> Tensor:
        assert isinstance(student, Attention)
        with torch.no_grad():
            target = mix_scores(teacher, x, context)
        seen = mask_visible(target, context)
        error = (target - mix_scores(student, x, context)).to(
            torch.promote_types(target.dtype, torch.float32)
        )
        rows = error.square().masked_fill(~seen, 0).sum(-1) / seen.sum(-1).clamp_min(1)
        return rows.sum() / target.shape[1]

    return Criterion("mse-scores", loss, fits_output=False, fixed=(teacher,))


def refuse_other_heads(name: str, teacher: nn.Module, student: nn.Module) -> None:
    """Raise where heads cannot be compared one by one."""
    refuse_other_mixers(name, teacher, student)
    assert isinstance(teacher, Attention) and isinstance(student, Attention)
    ours, theirs = student.shape.heads, teacher.shape.heads
    if ours != theirs:
        raise SynthError(
            f"criterion `{name}` compares heads one by one, and the student has {ours}, the teacher {theirs}",
            "use `--criterion relation`, which regroups them, or `--criterion mse`",
        )
