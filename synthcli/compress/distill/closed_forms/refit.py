"""The output map of a mixer by ridge, all else as it is."""

import torch
from torch import nn

from synthcli.compress.activations.moments import sum_split_moments
from synthcli.compress.distill.closed_forms.heads import as_linear, contexts, set_map, weight_of
from synthcli.compress.distill.closed_forms.ridge import fit_ridge
from synthcli.compress.distill.closed_forms.teacher_layer import TeacherLayer
from synthcli.errors import SynthError
from synthcli.model_config.mixers import MixerConfig


def refit_output(mixer: nn.Module, layer: TeacherLayer, keeps_prior: bool = True) -> None:
    """Give a mixer the output map that brings it nearest to y; the one it has is what ridge draws it to."""
    parts = sum_split_moments(contexts(mixer, layer))
    output = as_linear(mixer.get_submodule("output"))
    prior = weight_of(output) if keeps_prior else None
    if output.bias is None:
        raise SynthError("an output map without a bias cannot be refitted", "give it one")
    set_map(output, *fit_ridge(parts, layer.strength, prior))


def random_with_ridge(layer: TeacherLayer, config: MixerConfig) -> nn.Module:
    """Return a student by chance whose output map alone is fitted."""
    student = layer.fresh(config)
    if not isinstance(getattr(student, "output", None), nn.Linear):
        message = f"a `{config.kind}` student has no output map to fit"
        raise SynthError(message, "begin from `random`")
    with torch.no_grad():
        refit_output(student, layer, keeps_prior=False)
    return student
