"""Activations of a student whose layers have other numbers than the teacher's, under the teacher's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.merge.span import Span
from synthcli.data.store.ragged import Indices


@dataclass(frozen=True)
class RenumberedCache(ActivationCache):
    """A recording of a student that has lost `shift` layers before a span.

    What the span should write is what the teacher's layers make of what the student reads or, corrected, what
    `teacher_cache` holds of the teacher itself.
    """

    span: Span
    shift: int
    teacher_cache: ActivationCache | None

    def read(self, point: HookPoint, indices: Sequence[int] | Indices) -> tuple[Tensor, Tensor | None]:
        if self.teacher_cache is not None and point == self.span.target:
            return self.teacher_cache.read(point, indices)
        return super().read(self._own(point), indices)

    def flat(self, point: HookPoint, start: int, stop: int) -> Tensor:
        if self.teacher_cache is not None and point == self.span.target:
            return self.teacher_cache.flat(point, start, stop)
        return super().flat(self._own(point), start, stop)

    def _own(self, point: HookPoint) -> HookPoint:
        return replace(point, layer=point.layer - self.shift)
