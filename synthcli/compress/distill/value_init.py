"""Values and outputs beside trained scores: a criterion on maps of attention says nothing of them."""

import copy

import torch
from torch import nn

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.distill.closed_forms.heads import Heads, context_moments, set_map
from synthcli.compress.distill.closed_forms.refit import refit_output
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.compress.distill.closed_forms.whitened_svd import narrow_to
from synthcli.compress.fidelity.nmse import nmse
from synthcli.model.mixers import Attention


@torch.no_grad()
def give_values(student: Attention, layer: TeacherLayer) -> None:
    """Give a student with the teacher's heads the teacher's values, as wide as it has room for."""
    heads = Heads.of(layer.mixer, f"the mixer of block {layer.number}")
    room = student.shape.d_head
    if room < heads.d_head:
        contexts = context_moments(layer.mixer, layer)
        narrow_to(heads, list(range(heads.count)), contexts, room).write_values(student)
        return
    weight, bias = (
        torch.zeros(heads.count, room, *part.shape[2:]).double() for part in (heads.value, heads.value_bias)
    )
    weight[:, : heads.d_head], bias[:, : heads.d_head] = heads.value, heads.value_bias
    set_map(student.value, weight.flatten(0, 1), bias.flatten())


def has_output(student: nn.Module) -> bool:
    """Whether a student ends in a linear map with a bias, which least squares can fit."""
    output = getattr(student, "output", None)
    return isinstance(output, nn.Linear) and output.bias is not None


def refit_if_better(student: nn.Module, layer: TeacherLayer, held_out: ActivationCache) -> bool:
    """Fit the output map of a trained student by ridge where that helps on held-out text; return whether."""
    if not has_output(student):
        return False
    before, kept = nmse(student, held_out, layer.source, layer.target), copy.deepcopy(student.state_dict())
    with torch.no_grad():
        refit_output(student, layer)
    if nmse(student, held_out, layer.source, layer.target) < before:
        return True
    student.load_state_dict(kept)
    return False
