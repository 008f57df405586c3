"""Layers to be merged, what they are merged on, and the shape of what they become."""

from dataclasses import dataclass

from torch import Tensor, nn

from synthcli.compress.activations.cache import batches_by_length, read_on
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.assemble import new_block
from synthcli.compress.merge.span import (
    ActivationSource,
    NormsAfter,
    SequentialBlock,
    Span,
    Wiring,
    as_sequential,
    wiring_of,
)
from synthcli.data.store.ragged import Indices
from synthcli.device import device_of
from synthcli.model import ModelConfig
from synthcli.model.blocks import Block
from synthcli.model_config.mixers import MixerConfig

STRENGTH = 1e-5  # of ridge, as a share of the mean variance of a feature


@dataclass(frozen=True)
class MergedLayerSpec:
    """What the merged layer is to have: its mixer, and the width of its feed-forward."""

    mixer: MixerConfig
    d_ff: int


@dataclass(frozen=True)
class MergeProblem:
    """Layers of a teacher to be merged, and activations to do it on.

    `activations` hold what the merged layer reads and should write. The teacher's way is that from what it
    reads, or from what `teacher_cache` holds in its place where a student's stream has drifted.
    """

    config: ModelConfig
    model: nn.Module
    span: Span
    activations: ActivationSource
    teacher_cache: ActivationSource | None = None
    strength: float = STRENGTH

    @property
    def blocks(self) -> list[Block]:
        return self.span.blocks(self.model)

    @property
    def sequential_blocks(self) -> list[SequentialBlock]:
        """The same; blocks of other kinds have no wiring, and are refused by name."""
        wiring_of(self.config)
        return [as_sequential(block) for block in self.blocks]

    @property
    def wiring(self) -> Wiring:
        return wiring_of(self.config)

    @property
    def norms_follow(self) -> bool:
        return isinstance(self.wiring, NormsAfter)

    def batches(self) -> list[Indices]:
        """Return all sequences by number, those of like length together."""
        return batches_by_length(self.activations.lengths)

    def read(self, point: HookPoint, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Return activations and their padding where the teacher is."""
        return read_on(device_of(self.model), self.activations, point, indices)

    def fresh(self, spec: MergedLayerSpec, seed: int = 0) -> Block:
        """Return a layer by chance, in evaluation mode."""
        block = new_block(self.config, self.span.first, spec.mixer, spec.d_ff, self.span.stack, seed)
        first = next(self.model.parameters())
        return block.to(first.device, first.dtype).eval()
