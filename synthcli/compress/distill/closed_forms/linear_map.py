"""A linear map in place of a mixer: y = W x + b at every position, by ridge."""

import torch
from torch import nn

from synthcli.compress.activations.moments import moments_of, parted, pieces_of
from synthcli.compress.distill.closed_forms.heads import set_map
from synthcli.compress.distill.closed_forms.ridge import fitted
from synthcli.compress.distill.closed_forms.teacher_layer import Lesson
from synthcli.errors import SynthError
from synthcli.model_config.mixers import MixerConfig


def linear_map(lesson: Lesson, config: MixerConfig) -> nn.Module:
    """Return the linear map that is nearest to the teacher's mixer."""
    if config.kind != "linear":
        raise SynthError(
            f"a `{config.kind}` student is no linear map", "use `--mixer linear` with this start"
        )
    student = lesson.fresh(config)
    parts = parted(pieces_of(lesson.cache, lesson.source, lesson.target, lesson.device))
    set_map(student.output, *fitted(parts, lesson.strength))
    return student


@torch.no_grad()
def mean(lesson: Lesson, config: MixerConfig) -> nn.Module:
    """Return the mean of y in place of a mixer: NMSE 1."""
    if config.kind != "none":
        raise SynthError(
            f"a `{config.kind}` student is more than a mean", "use `--mixer none` with this start"
        )
    student = lesson.fresh(config)
    moments = moments_of(lesson.cache, lesson.target, lesson.target, lesson.device)
    student.bias.copy_(moments.mean_y)  # type: ignore[operator]
    return student
