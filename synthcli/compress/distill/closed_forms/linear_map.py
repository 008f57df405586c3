"""A linear map in place of a mixer: y = W x + b at every position, by ridge."""

import torch
from torch import nn

from synthcli.compress.activations.moments import moments_of, pieces_of, sum_split_moments
from synthcli.compress.distill.closed_forms.heads import set_map
from synthcli.compress.distill.closed_forms.ridge import fit_ridge
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.errors import SynthError
from synthcli.model_config.mixers import MixerConfig


def linear_map(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return the linear map that is nearest to the teacher's mixer."""
    if config.kind != "linear":
        raise SynthError(
            f"a `{config.kind}` student is no linear map", "use `--mixer linear` with this start"
        )
    student = layer.fresh(config)
    parts = sum_split_moments(pieces_of(layer.cache, layer.source, layer.target, layer.device))
    set_map(student.get_submodule("output"), *fit_ridge(parts, layer.strength))
    return student


@torch.no_grad()
def mean_output(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return the mean of y in place of a mixer: NMSE 1."""
    if config.kind != "none":
        raise SynthError(
            f"a `{config.kind}` student is more than a mean", "use `--mixer none` with this start"
        )
    student = layer.fresh(config)
    moments = moments_of(layer.cache, layer.target, layer.target, layer.device)
    student.get_parameter("bias").copy_(moments.mean_y)
    return student
