"""Transformer-XL: attention with relative positions over [SG(m), x], m the inputs of the segments before
(Dai et al. 2019, arXiv 1901.02860, sections 3.2 and 3.3).

Keys and values of m are made by today's weights, and no gradient enters m.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers.attention import Attention
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.mixers.remembering import append_memory, context_within, keep_window
from synthcli.model_config.transformer_xl import TransformerXLConfig


@dataclass(frozen=True)
class SegmentState:
    """The inputs of the positions before (batch, positions, d_model)."""

    memory: Tensor | None = None


class TransformerXL(Mixer):
    """Without a state it is attention within x."""

    def __init__(self, config: TransformerXLConfig, site: Site) -> None:
        super().__init__(config, site)
        self.config: TransformerXLConfig = config
        self.attention = Attention(config.attention, site)

    def initial_state(self) -> SegmentState:
        return SegmentState()

    def forward(
        self, x: Float[Tensor, "batch length d_model"], context: Context, state: SegmentState | None = None
    ) -> tuple[Float[Tensor, "batch length d_model"], SegmentState | None]:
        memory = None if state is None else state.memory
        everything = append_memory(memory, x)
        y, _ = self.attention(x, context_within(context, everything, x.shape[1]))
        return y, None if state is None else SegmentState(self._cut_memory(everything, x.shape[1], context))

    def _cut_memory(self, everything: Tensor, length: int, context: Context) -> Tensor:
        """Return the memory of the next segment: in training of a fixed length, and cut off."""
        if not self.training:
            return keep_window(everything, context)
        kept = min(self.config.memory or length, everything.shape[1])
        return everything[:, everything.shape[1] - kept :].detach()
