"""A layer of a teacher to learn from: its mixer, and the recording of what that reads and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.activations.hook_points import HookPoint, Part, get_block
from synthcli.compress.assemble import new_mixer
from synthcli.compress.teacher import Teacher
from synthcli.model.mixers import Attention, Mixer
from synthcli.model_config.mixers import MixerConfig

STRENGTH = 1e-4  # of ridge where it only ranks, as a share of the mean variance of an input


M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class TeacherLayer:
    """A layer of a teacher and a cache of its `mixer-in` and `mixer-out`.

    `strength` is that of ridge, as a share of the mean variance of an input; None chooses it on a part of the
    text.
    """

    teacher: Teacher
    cache: ActivationCache
    stack: str
    number: int
    strength: float | None = None

    def point(self, part: Part) -> HookPoint:
        """Return a hook point of this layer."""
        return HookPoint(self.stack, self.number, part)

    @property
    def source(self) -> HookPoint:
        return self.point("mixer-in")

    @property
    def target(self) -> HookPoint:
        return self.point("mixer-out")

    @property
    def mixer(self) -> Mixer:
        """The teacher's own."""
        return get_block(self.teacher.model, self.stack, self.number).mixer

    @property
    def attention(self) -> Attention:
        """The teacher's own mixer, where others were refused."""
        assert isinstance(self.mixer, Attention)
        return self.mixer

    @property
    def device(self) -> torch.device:
        """Where the teacher is, and its students."""
        return self.teacher.device

    @property
    def rank_strength(self) -> float:
        """The strength with which heads are ranked."""
        return STRENGTH if self.strength is None else self.strength

    def fresh(self, config: MixerConfig) -> Mixer:
        """Return a student drawn as a model's own mixers are, in the teacher's precision."""
        return self.like_teacher(new_mixer(self.teacher.config, self.number, config, self.stack))

    def like_teacher(self, student: M) -> M:
        """Return a student itself, where the teacher is and in its precision."""
        first = next(self.teacher.model.parameters())
        return student.eval().to(first.device, first.dtype)


Start = Callable[[TeacherLayer, MixerConfig], nn.Module]
