"""Some of the teacher's heads, chosen one after the other by what ridge gains, and a new output map.

With C the covariance of contexts c and y, λ added to the diagonal of C_cc, ridge leaves
tr(C_yy − C_yc C_cc⁻¹ C_cy).
A head h lowers that by tr(C_yh C_hh⁻¹ C_hy); what it explains is then taken out of all others,
C ← C − C_·h C_hh⁻¹ C_h·, so that each step weighs what the heads before it left.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthcli.compress.activations.moments import Moments
from synthcli.compress.distill.closed_forms.heads import Heads, context_moments, student_shape
from synthcli.compress.distill.closed_forms.refit import refit_output
from synthcli.compress.distill.closed_forms.ridge import penalty
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.errors import SynthError
from synthcli.model.mixers import Attention
from synthcli.model_config.mixers import MixerConfig


@dataclass(frozen=True)
class Choice:
    """Groups of inputs in the order chosen, and what ridge leaves after each, as a share of Var y."""

    groups: tuple[int, ...]
    left: tuple[float, ...]


def greedy_groups(moments: Moments, size: int, count: int, strength: float) -> Choice:
    """Choose `count` groups of `size` neighbouring inputs."""
    covariance = moments.covariance
    width = len(covariance)
    C = torch.zeros(width + len(moments.sum_y), width + len(moments.sum_y), dtype=torch.float64)
    C[:width, :width] = covariance + penalty(covariance, strength) * torch.eye(width, dtype=torch.float64)
    C[:width, width:] = moments.cross
    C[width:, :width] = moments.cross.mT
    rest, variance = moments.variance, moments.variance
    chosen: list[int] = []
    left: list[float] = []
    for _ in range(count):
        gains = {
            group: gain(C, slice(group * size, (group + 1) * size), width)
            for group in range(width // size)
            if group not in chosen
        }
        best = max(gains, key=gains.__getitem__)
        rest -= gains[best]
        C = residual_without(C, slice(best * size, (best + 1) * size))
        chosen.append(best)
        left.append(rest / variance)
    return Choice(tuple(chosen), tuple(left))


def gain(C: Tensor, group: slice, width: int) -> float:
    """Return tr(C_yh C_hh⁻¹ C_hy)."""
    cross = C[group, width:]
    return float((cross * torch.linalg.solve(C[group, group], cross)).sum())


def residual_without(C: Tensor, group: slice) -> Tensor:
    """Return what a group of inputs does not explain of all others and of y."""
    return C - C[:, group] @ torch.linalg.solve(C[group, group], C[group])


def chosen_heads(layer: TeacherLayer, moments: Moments, count: int) -> tuple[Heads, list[int]]:
    """Return the teacher's best `count` heads in their own order, and their numbers."""
    heads = Heads.of(layer.mixer, f"`{layer.target}`")
    choice = greedy_groups(moments, heads.d_head, count, layer.rank_strength)
    numbers = sorted(choice.groups) if count < heads.count else list(range(heads.count))
    return heads.select(numbers), numbers


def greedy_heads(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return a student of the teacher's best heads, each as wide as it was."""
    count, d_head = student_shape(layer, config)
    own = layer.attention.config.width_of_head(layer.teacher.config.d_model)
    if d_head != own:
        message = f"heads of `--d-k {d_head}` are not the teacher's, which have {own}"
        raise SynthError(message, "begin from `whitened-svd`, which makes heads narrower")
    student = layer.fresh(config)
    assert isinstance(student, Attention)
    heads, _ = chosen_heads(layer, context_moments(layer.mixer, layer), count)
    heads.write_scores(student)
    heads.write_values(student)
    refit_output(student, layer)
    return student
