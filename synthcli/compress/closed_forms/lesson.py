"""What a student is to learn: one mixer of a teacher, and what it was seen to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from synthcli.compress.cache import ActivationCache
from synthcli.compress.sites import Part, Site, block_of
from synthcli.compress.teacher import Teacher
from synthcli.model import initialise
from synthcli.model.mixers import MIXERS, MixerConfig
from synthcli.model.mixers.base import Site as Place

STRENGTH = 1e-5  # of ridge, as a share of the mean variance of an input


@dataclass(frozen=True)
class Lesson:
    """A layer of a teacher and a cache of its `mixer-in` and `mixer-out`."""

    teacher: Teacher
    cache: ActivationCache
    stack: str
    layer: int
    strength: float = STRENGTH

    def site(self, part: Part) -> Site:
        """Return a site of this layer."""
        return Site(self.stack, self.layer, part)

    @property
    def source(self) -> Site:
        return self.site("mixer-in")

    @property
    def target(self) -> Site:
        return self.site("mixer-out")

    @property
    def mixer(self) -> Any:
        """The teacher's own."""
        return block_of(self.teacher.model, self.stack, self.layer).mixer

    def fresh(self, config: MixerConfig) -> nn.Module:
        """Return a student drawn as a model's own mixers are."""
        return fresh_mixer(self.teacher, config, self.stack, self.layer)


Start = Callable[[Lesson, MixerConfig], nn.Module]


def fresh_mixer(teacher: Teacher, config: MixerConfig, stack: str, layer: int) -> nn.Module:
    """Return a new mixer for a layer, initialised as the model says."""
    its = getattr(teacher.config, stack)
    place = Place(
        d_model=teacher.config.d_model,
        max_queries=its.max_length,
        max_keys=its.max_length,
        layer=layer,
        layers=its.layers,
        rotary=teacher.config.embeddings.positions == "rotary",
        dropout=teacher.config.dropout,
    )
    mixer: nn.Module = MIXERS[config.kind](config, place)
    with torch.no_grad():
        initialise(mixer, teacher.config.init)
    return mixer
