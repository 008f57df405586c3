"""Where a mixer stands, and what every mixer offers."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from synthcli.model.scores.base import ScoreShape
from synthcli.model_config.mixer import MixerSettings


@dataclass(frozen=True)
class Site:
    """Sizes and place of a mixer; `layer` counts from 0. `dropout` is the model's.

    `d_model` is the width of what it reads, and of what it gives unless `d_out` says otherwise. `max_queries`
    and `max_keys` bound tables of scores. A cross-mixer reads a memory.
    """

    d_model: int
    max_queries: int
    max_keys: int
    layer: int = 0
    layers: int = 1
    is_cross: bool = False
    rotary: bool = False
    alibi: bool = False
    dropout: float = 0.0
    d_out: int | None = None

    @property
    def width_out(self) -> int:
        return self.d_out or self.d_model

    @property
    def is_first(self) -> bool:
        return self.layer == 0

    @property
    def is_last(self) -> bool:
        return self.layer == self.layers - 1

    def score_shape(self, width: int, heads: int, d_head: int) -> ScoreShape:
        """Return what a score function over inputs of `width` is built for."""
        rotary, alibi = self.rotary and not self.is_cross, self.alibi and not self.is_cross
        return ScoreShape(width, heads, d_head, self.max_queries, self.max_keys, rotary, alibi)


class Mixer(nn.Module):
    """A subclass is built as `Mixer(config, site)` and defines

    `forward(x, context, state) -> (y, state)`: x and y are (batch, length, d_model); a state of None is plain
    training, and None comes back. One that `writes_stream` has an `output` that starts smaller the deeper the
    model is.
    """

    reads_input: ClassVar[bool] = True
    writes_stream: ClassVar[bool] = False
    config: MixerSettings

    def __init__(self, config: MixerSettings, site: Site) -> None:
        super().__init__()

    def initial_state(self) -> object:
        """Return the state before the first position: a dataclass of tensors; None keeps nothing."""
        raise NotImplementedError

    @property
    def reads_queries(self) -> bool:
        """False where a cross-mixer's result does not depend on x."""
        return True
