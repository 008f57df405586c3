"""What a block is fitted on where others before it have been replaced already.

`teacher`    x and y of the teacher: every block by itself.
`student`    x̂ that the student reaches, and what the teacher's mixer makes of it: errors add up.
`corrected`  x̂, and what brings the stream back to the teacher's: with the stream s before the mixer,
             α ŝ + β ŷ = α s + β y, so ŷ = y + α/β (s − ŝ), of a whole layer simply its true output.

The first is from one recording of all blocks; for the others the student is run again up to each block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import ActivationCache, build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.hook_points import HookPoint, Part, get_block, hook_points_of
from synthcli.compress.teacher import Teacher
from synthcli.data.store.ragged import Indices
from synthcli.model.gains import Gains
from synthcli.progress import Progress, no_progress

PARTS: tuple[Part, ...] = ("layer-in", "mixer-in", "mixer-out", "layer-out")


@dataclass(frozen=True)
class CorrectedCache(ActivationCache):
    """A recording of a student whose targets are what brings it back to its teacher's."""

    teacher: ActivationCache
    ratio: float  # α / β of the block's mixer; a skip that is not there is 0

    def read(self, point: HookPoint, indices: Sequence[int] | Indices) -> tuple[Tensor, Tensor | None]:
        found, padding = super().read(point, indices)
        if point.part == "mixer-out":
            stream = self._stream(point)
            drift = self.teacher.read(stream, indices)[0] - super().read(stream, indices)[0]
            return self.teacher.read(point, indices)[0] + self.ratio * drift, padding
        if point.part == "layer-out":
            return self.teacher.read(point, indices)[0], padding
        return found, padding

    def flat(self, point: HookPoint, start: int, stop: int) -> Tensor:
        if point.part == "mixer-out":
            stream = self._stream(point)
            drift = self.teacher.flat(stream, start, stop) - super().flat(stream, start, stop)
            return self.teacher.flat(point, start, stop) + self.ratio * drift
        if point.part == "layer-out":
            return self.teacher.flat(point, start, stop)
        return super().flat(point, start, stop)

    def _stream(self, point: HookPoint) -> HookPoint:
        return HookPoint(point.stack, point.layer, "layer-in")


def skip_ratio(block: nn.Module) -> float:
    """Return α / β of what a block adds its mixer's output to; where nothing is skipped, 0."""
    gains = getattr(block, "gains", None)
    if not isinstance(gains, Gains):
        return 0.0
    names = ("mixer_skip",) if "mixer_skip" in gains.values else ("skip",)
    alpha, beta = (float(gains(name)) for name in (*names, "mixer_residual"))
    return alpha / beta if beta else 0.0


def record_inputs(
    folder: Path,
    teacher: Teacher,
    student: nn.Module,
    teacher_cache: ActivationCache,
    text: Calibration,
    point: HookPoint,
    conditioned: str,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> ActivationCache:
    """Return what a block is fitted on; `teacher_cache` is the teacher's recording of its four parts.

    `student` still has the teacher's own mixer in this block.
    """
    if conditioned == "teacher":
        return teacher_cache
    own = build_cache(
        folder,
        teacher.with_model(student),
        text,
        hook_points_of(point.stack, [point.layer], PARTS),
        limit,
        progress,
    )
    if conditioned == "student":
        return own
    with torch.no_grad():
        ratio = skip_ratio(get_block(teacher.model, point.stack, point.layer))
    return CorrectedCache(own.path, own.index, teacher_cache, ratio)
